import pytest

NEW = {"email": "zoe@example.org", "password": "long enough 1", "full_name": "Zoe", "professional_role": "ENGINEER"}
RESOURCE = {"kind": "TOOL", "title": "A tool", "summary": "It helps", "body": "…", "tags": ["Git", "git", " new "]}


def test_registration_login_and_profile(client):
    made = client.post("/api/auth/register", json=NEW)
    assert made.status_code == 201
    assert "password" not in made.text
    assert client.post("/api/auth/register", json=NEW).status_code == 409
    token = client.post("/api/auth/login", json=NEW).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    changed = client.patch("/api/auth/me", json={"professional_role": "LEGAL"}, headers=headers)
    assert changed.json()["professional_role"] == "LEGAL"
    assert client.get("/api/auth/me", headers=headers).json()["professional_role"] == "LEGAL"


@pytest.mark.parametrize(
    ("change", "status"),
    [({"password": "short"}, 422), ({"email": "no"}, 422), ({"professional_role": "KING"}, 422)],
)
def test_bad_registration_is_refused(client, change, status):
    assert client.post("/api/auth/register", json=NEW | {"email": "y@example.org"} | change).status_code == status


@pytest.mark.parametrize("token", ["", "Bearer x", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."])
def test_wrong_token_is_401(client, token):
    assert client.get("/api/auth/me", headers={"Authorization": token}).status_code == 401
    assert client.post("/api/auth/login", json={"email": "ada@example.org", "password": "no"}).status_code == 401


def test_search_by_word_kind_tag_and_page(client):
    everything = client.get("/api/resources?size=100").json()
    assert everything["total"] >= 24
    assert {each["kind"] for each in client.get("/api/resources?kind=PAPER").json()["items"]} == {"PAPER"}
    assert all("privacy" in each["tags"] for each in client.get("/api/resources?tag=privacy").json()["items"])
    assert client.get("/api/resources?q=duplicates catalogue").json()["total"] == 1
    first, second = (client.get(f"/api/resources?size=5&page={page}").json()["items"] for page in (1, 2))
    assert not {each["id"] for each in first} & {each["id"] for each in second}
    discussed = client.get("/api/resources?sort=discussed").json()["items"]
    assert discussed[0]["comment_count"] >= discussed[-1]["comment_count"]
    assert client.get("/api/resources?kind=NONE").status_code == 422


def test_only_the_author_changes_and_removes(client, ada):
    assert client.post("/api/resources", json=RESOURCE).status_code == 401
    made = client.post("/api/resources", json=RESOURCE, headers=ada).json()
    assert made["tags"] == ["git", "new"]
    path = f"/api/resources/{made['id']}"
    client.post("/api/auth/register", json=NEW | {"email": "x@example.org"})
    token = client.post("/api/auth/login", json=NEW | {"email": "x@example.org"}).json()["access_token"]
    other = {"Authorization": f"Bearer {token}"}
    assert client.patch(path, json={"title": "Mine now"}, headers=other).status_code == 403
    assert client.patch(path, json={"title": "Better", "tags": []}, headers=ada).json()["tags"] == []
    comment = client.post(f"{path}/comments", json={"body": "Good"}, headers=other).json()
    assert client.get(path).json()["comment_count"] == 1
    assert client.delete(f"/api/comments/{comment['id']}", headers=ada).status_code == 403
    assert client.delete(path, headers=other).status_code == 403
    assert client.delete(path, headers=ada).status_code == 204
    assert client.get(path).status_code == 404
    assert client.get(f"{path}/comments").json()["total"] == 0


def test_meta_and_tags(client):
    meta = client.get("/api/meta").json()
    assert {"value": "USE_CASE", "label": "Use case", "count": 3} in meta["kinds"]
    assert len(meta["professional_roles"]) == 8
    counts = [each["count"] for each in client.get("/api/tags").json()]
    assert counts == sorted(counts, reverse=True)


def test_unknown_api_path_is_never_a_page(client):
    answer = client.get("/api/nothing", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "html" not in answer.headers["content-type"]
