"""How a project is deployed: releases side by side, each whole in a directory of its own."""
