//! Who may what, where.

use tillwire_relay_core::exception::OwnerRole;
use tillwire_relay_core::people::{
    Login, NotAllowed, Person, Right, Role, Scope, UnfitPassword, check_password, second_pair_of_eyes,
};

fn person(login: &str, roles: &[Role], scope: &str) -> Person {
    Person {
        login: login.parse().unwrap(),
        name: login.to_owned(),
        roles: roles.iter().copied().collect(),
        scope: scope.parse().unwrap(),
    }
}

#[test]
fn money_and_machines_are_apart() {
    for role in Role::ALL {
        let one = person("ann", &[role], "*");
        let money = one.may(Right::Sales) || one.may(Right::Sign) || one.may(Right::Mapping);
        let machines = one.may(Right::Devices);
        assert!(!(money && machines), "{role} has both");
        assert!(
            !(one.may(Right::People) && (money || machines)),
            "who gives rights has others: {role}"
        );
        assert!(!one.may(Right::Bytes) || one.may(Right::Sales), "{role}");
    }
}

#[test]
fn every_right_is_held_by_somebody_and_roles_add_up() {
    for right in [
        Right::Sales,
        Right::Bytes,
        Right::Fleet,
        Right::Devices,
        Right::Exceptions,
        Right::Sign,
        Right::Mapping,
        Right::Audit,
        Right::People,
    ] {
        assert!(
            Role::ALL.iter().any(|role| role.rights().contains(&right)),
            "{right:?}"
        );
    }
    let both = person("ann", &[Role::StoreIt, Role::Accountant], "*");
    assert!(both.may(Right::Devices) && both.may(Right::Mapping));
    assert!(!person("bob", &[], "*").may(Right::Fleet));
    // the log and everybody's rights are not of one store
    let of_one = person("ann", &[Role::Admin, Role::Security], "acme");
    assert!(of_one.may(Right::Fleet) && !of_one.may(Right::Audit) && !of_one.may(Right::People));
}

#[test]
fn an_exception_is_seen_at_its_desk() {
    let desks = |role| person("ann", &[role], "*").sight().desks;
    assert_eq!(desks(Role::Viewer).len(), 5);
    assert_eq!(desks(Role::StoreIt), [OwnerRole::Operations].into());
    assert!(desks(Role::Security).contains(&OwnerRole::Security));
    assert!(desks(Role::Admin).is_empty());
}

#[test]
fn a_scope_is_all_a_retailer_or_a_store() {
    let covers = |scope: &str, tenant: &str, store: &str| {
        let scope: Scope = scope.parse().unwrap();
        scope.covers(&tenant.parse().unwrap(), &store.parse().unwrap())
    };
    assert!(
        covers("*", "acme", "s01") && covers("acme", "acme", "s02") && covers("oak, acme/s01", "acme", "s01")
    );
    assert!(
        !covers("acme/s01", "acme", "s02")
            && !covers("acme/s01", "oak", "s01")
            && !covers("oak", "acme", "s01")
    );
    for text in ["*", "acme", "acme/s01,oak"] {
        assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
    }
    for text in ["", " , ", "ACME", "acme/"] {
        assert!(text.parse::<Scope>().is_err(), "{text:?}");
    }
    let contains = |a: &str, b: &str| a.parse::<Scope>().unwrap().contains(&b.parse().unwrap());
    assert!(contains("*", "acme") && contains("acme", "acme/s01") && contains("acme,oak", "acme"));
    assert!(!contains("acme/s01", "acme") && !contains("acme", "*") && !contains("acme", "oak/s01"));
}

#[test]
fn a_second_person_is_another_one_with_the_right_at_the_place() {
    let (acme, s01) = ("acme".parse().unwrap(), "s01".parse().unwrap());
    let place = Some((&acme, &s01));
    let ann: Login = "ann".parse().unwrap();
    let ask = |second: &Person, place| second_pair_of_eyes(&ann, second, Right::Sign, place);
    let other = person("bob", &[Role::Auditor], "acme/s01");
    assert_eq!(ask(&other, place), Ok(()));
    // what concerns all stores is not decided by somebody who has some
    assert_eq!(ask(&other, None), Err(NotAllowed::NoRight));
    assert_eq!(
        ask(&person("ann", &[Role::Auditor], "*"), place),
        Err(NotAllowed::SamePerson)
    );
    assert_eq!(
        ask(&person("bob", &[Role::Viewer], "*"), place),
        Err(NotAllowed::NoRight)
    );
    assert_eq!(
        ask(&person("bob", &[Role::Auditor], "oak"), place),
        Err(NotAllowed::NoRight)
    );
}

#[test]
fn logins_are_plain_and_passwords_are_long() {
    assert_eq!(
        " Ann.Lee@Example.com ".parse::<Login>().unwrap().as_str(),
        "ann.lee@example.com"
    );
    for text in [
        "",
        "a b",
        "relay",
        "configuration",
        "ann<script>",
        &"x".repeat(65),
    ] {
        assert!(text.parse::<Login>().is_err(), "{text:?}");
    }
    let ann: Login = "ann.lee".parse().unwrap();
    let long = "x".repeat(257);
    let cases = [
        ("short", Err(UnfitPassword::Short)),
        ("aaaaaaaaaaaaaaaa", Err(UnfitPassword::Obvious)),
        ("ann.leeann.lee1", Err(UnfitPassword::Obvious)),
        ("Tillwire-Tillwire", Err(UnfitPassword::Obvious)),
        (long.as_str(), Err(UnfitPassword::Long)),
        ("correct horse battery", Ok(())),
        ("grüne Wiese am See", Ok(())),
    ];
    for (password, wanted) in cases {
        assert_eq!(check_password(&ann, password), wanted, "{password}");
    }
}
