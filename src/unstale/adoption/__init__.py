"""How a database that create_all made comes under Alembic: compared with the models, mended where it drifted."""
