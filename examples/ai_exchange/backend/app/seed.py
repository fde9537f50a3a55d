"""Fill an empty database with people and resources: python -m app.seed. Running it again changes nothing."""

from datetime import timedelta

from sqlmodel import Session, select

from app.api.resources import tags_of
from app.database import engine
from app.models import Comment, Kind, ProfessionalRole, Resource, User, now
from app.security import passwords
from app.seed_data import COMMENTS, PEOPLE, RESOURCES

PASSWORD = "correct horse battery"  # noqa: S105 - the demo's, told in the README


def seed(session: Session) -> int:
    """Add what is not there; return how many resources were added."""
    if session.exec(select(User).where(User.email == PEOPLE[0][0])).first():
        return 0
    hashed = passwords.hash(PASSWORD)
    people = [
        User(email=email, full_name=name, password_hash=hashed, professional_role=ProfessionalRole[role])
        for email, name, role in PEOPLE
    ]
    session.add_all(people)
    session.flush()
    resources = []
    for at, (kind, title, summary, body, url, tags, author) in enumerate(RESOURCES):
        when = now() - timedelta(days=3 * (len(RESOURCES) - at), hours=at)
        resource = Resource(
            kind=Kind[kind], title=title, summary=summary, body=body, url=url,
            author_id=people[author].id or 0, created_at=when, updated_at=when,
        )
        resource.tags = tags_of(session, tags)
        session.add(resource)
        session.flush()
        resources.append(resource)
    for at, author, text in COMMENTS:
        session.add(Comment(resource_id=resources[at].id or 0, author_id=people[author].id or 0, body=text))
    session.commit()
    return len(resources)


if __name__ == "__main__":
    with Session(engine) as session:
        print(f"{seed(session)} resources added")
