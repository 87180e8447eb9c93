#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use super::*;
use crate::clock::Clock;
use crate::store::StoreOptions;
use crate::store::audit_log::{self, Which};

const PASSWORD: &str = "three plain words here";

struct House {
    folder: tempfile::TempDir,
    store: Store,
    people: People,
    clock: Clock,
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::standing(1_794_674_336_000);
    let options = StoreOptions {
        clock: clock.clone(),
        ..StoreOptions::at(folder.path().join("relay.db"))
    };
    let store = Store::open(&options).unwrap();
    House {
        people: People::new(store.clone()),
        folder,
        store,
        clock,
    }
}

impl House {
    fn pass(&self, ms: i64) {
        self.clock.set(self.clock.now_ms() + ms);
    }

    async fn first_code(&self) -> String {
        assert!(prepare_first(&self.store, self.folder.path()).await.unwrap());
        std::fs::read_to_string(self.folder.path().join(FIRST_CODE_FILE)).unwrap()
    }

    async fn with_admin(&self) -> Token {
        let code = self.first_code().await;
        self.people
            .welcome(&code, "ann", PASSWORD.to_owned(), None)
            .await
            .unwrap()
    }

    async fn sign_in(&self, login: &str, password: &str) -> Result<Token, Refused> {
        self.people.sign_in(login, password.to_owned(), None).await
    }

    async fn log(&self) -> Vec<String> {
        let all = self
            .store
            .read(|db| audit_log::list(db, &Which::default(), 1000))
            .await
            .unwrap();
        all.into_iter()
            .rev()
            .map(|(entry, _)| format!("{} {}", entry.who, entry.what))
            .collect()
    }
}

fn bob(roles: &[Role]) -> Person {
    Person {
        login: "bob".parse().unwrap(),
        name: "Bob".to_owned(),
        roles: roles.iter().copied().collect(),
        scope: "acme/s01".parse().unwrap(),
    }
}

#[tokio::test]
async fn nobody_is_there_before_the_first_code_and_it_is_good_once() {
    let house = house();
    assert!(matches!(
        house.sign_in("admin", "admin").await,
        Err(Refused::Wrong)
    ));
    let stale = house.first_code().await;
    let code = house.first_code().await;
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(house.folder.path().join(FIRST_CODE_FILE))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o077, 0, "others may read it");
    let try_code = |code: String, password: &'static str| {
        let people = &house.people;
        async move { people.welcome(&code, "ann", password.to_owned(), None).await }
    };
    assert!(matches!(try_code(stale, PASSWORD).await, Err(Refused::Code)));
    assert!(matches!(
        try_code(code.clone(), "short").await,
        Err(Refused::Unfit(_))
    ));
    let typed = code.to_lowercase().replace('-', " ");
    let token = try_code(typed, PASSWORD).await.unwrap();
    assert!(matches!(try_code(code, PASSWORD).await, Err(Refused::Code)));
    let visitor = house.people.visitor(&token).await.unwrap().unwrap();
    assert_eq!(visitor.person.roles, [Role::Admin].into());
    assert!(!prepare_first(&house.store, house.folder.path()).await.unwrap());
    assert!(!house.folder.path().join(FIRST_CODE_FILE).exists());
}

#[tokio::test]
async fn an_invited_person_chooses_a_password_and_what_is_changed_counts_at_once() {
    let house = house();
    house.with_admin().await;
    let code = invite(&house.store, bob(&[Role::Auditor]), "ann").await.unwrap();
    assert!(
        invite(&house.store, bob(&[]), "ann").await.is_err(),
        "the login is taken"
    );
    assert!(
        matches!(house.sign_in("bob", "").await, Err(Refused::Wrong)),
        "no password yet"
    );
    let token = house
        .people
        .welcome(&code.to_string(), "somebody-else", PASSWORD.to_owned(), None)
        .await
        .unwrap();
    let visitor = house.people.visitor(&token).await.unwrap().unwrap();
    assert_eq!(visitor.person.login.as_str(), "bob", "a code names its person");
    change(&house.store, bob(&[Role::Viewer]), "ann").await.unwrap();
    let visitor = house.people.visitor(&token).await.unwrap().unwrap();
    assert_eq!(visitor.person.roles, [Role::Viewer].into());
    set_disabled(&house.store, "bob".parse().unwrap(), true, "ann")
        .await
        .unwrap();
    assert!(house.people.visitor(&token).await.unwrap().is_none());
    assert!(matches!(
        house.sign_in("bob", PASSWORD).await,
        Err(Refused::Wrong)
    ));
    let log = house.log().await;
    let wanted = [
        "ann person added",
        "ann password chosen",
        "ann signed in",
        "ann person added",
        "bob sign-in failed",
        "bob password chosen",
        "bob signed in",
        "ann person changed",
        "ann person shut out",
    ];
    assert_eq!(log, wanted);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let house = house();
    house.with_admin().await;
    let ann: Login = "ann".parse().unwrap();
    let gone = set_disabled(&house.store, ann.clone(), true, "ann")
        .await
        .unwrap_err();
    assert!(gone.to_string().contains("the only admin"), "{gone}");
    let mut less = house
        .store
        .read({
            let ann = ann.clone();
            move |db| rows::get(db, &ann)
        })
        .await
        .unwrap()
        .unwrap()
        .person;
    less.roles = [Role::Viewer].into();
    assert!(change(&house.store, less, "ann").await.is_err());
    invite(&house.store, bob(&[Role::Admin]), "ann").await.unwrap();
    set_disabled(&house.store, ann, true, "bob").await.unwrap();
}

#[tokio::test]
async fn a_session_ends_by_itself_by_leaving_and_by_a_new_password() {
    let house = house();
    let first = house.with_admin().await;
    let second = house.sign_in("Ann", PASSWORD).await.unwrap();
    let visitor = house.people.visitor(&first).await.unwrap().unwrap();
    let new = "four other plain words";
    let wrong = house
        .people
        .change_password(&visitor, "not it at all".to_owned(), new.to_owned())
        .await;
    assert!(matches!(wrong, Err(Refused::Wrong)));
    house
        .people
        .change_password(&visitor, PASSWORD.to_owned(), new.to_owned())
        .await
        .unwrap();
    assert!(
        house.people.visitor(&second).await.unwrap().is_none(),
        "other sessions end"
    );
    assert!(house.people.visitor(&first).await.unwrap().is_some());
    assert!(matches!(
        house.sign_in("ann", PASSWORD).await,
        Err(Refused::Wrong)
    ));

    house.pass(LIFE.idle_ms - 1);
    assert!(house.people.visitor(&first).await.unwrap().is_some());
    house.pass(LIFE.idle_ms - 1);
    assert!(
        house.people.visitor(&first).await.unwrap().is_some(),
        "use keeps it open"
    );
    house.pass(LIFE.idle_ms);
    assert!(house.people.visitor(&first).await.unwrap().is_none());
    let third = house.sign_in("ann", new).await.unwrap();
    house.people.sign_out(third.digest()).await.unwrap();
    assert!(house.people.visitor(&third).await.unwrap().is_none());
    assert!(
        house
            .people
            .visitor(&Token::new().unwrap())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn guessing_tires_the_guesser_and_is_in_the_log() {
    let house = house();
    let open = house.with_admin().await;
    for _ in 0..BY_LOGIN.burst_each {
        assert!(matches!(
            house.sign_in("ann", "wrong wrong wrong").await,
            Err(Refused::Wrong)
        ));
    }
    assert!(matches!(
        house.sign_in("ann", PASSWORD).await,
        Err(Refused::TooMany)
    ));
    assert!(
        house.people.visitor(&open).await.unwrap().is_some(),
        "open sessions go on"
    );
    house.pass(BY_LOGIN.refill_ms);
    house.sign_in("ann", PASSWORD).await.unwrap();
    let log = house.log().await;
    assert_eq!(
        log.iter().filter(|line| *line == "ann sign-in failed").count(),
        10
    );
}

#[tokio::test]
async fn nothing_that_opens_a_door_is_in_the_database() {
    let house = house();
    let token = house.with_admin().await;
    let code = invite(&house.store, bob(&[]), "ann").await.unwrap();
    house.store.close().await;
    let mut all = Vec::new();
    for entry in std::fs::read_dir(house.folder.path()).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    for secret in [
        PASSWORD.to_owned(),
        token.cookie(),
        code.to_string(),
        token.form_token(),
    ] {
        let found = all.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "{secret}");
    }
}
