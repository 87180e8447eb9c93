//! A till that cannot speak drops files beside one that can: each ticket is booked once, whatever the program that writes the
//! files does, and a file that cannot be read counts for nothing and is shown.

use tillwire_e2e::shop::Event;
use tillwire_e2e::sims::files::{Format, Misbehaviour, drop_into, file};
use tillwire_e2e::world::Pace;

use crate::story::{a_day, all_is_well, is_kept_cash, open, open_kinds};

#[tokio::test(flavor = "multi_thread")]
async fn careless_files_and_a_till_are_one_day() {
    let world = open(83, 1, |setup| setup.folders = true).await;
    let events = a_day(&world, 16);
    let (filed, told): (Vec<&Event>, Vec<&Event>) =
        events.iter().partition(|event| is_kept_cash(event, &events));
    assert!(filed.len() >= 8, "{} tickets in cash", filed.len());
    let folder = world.sites[0].files();
    let careless = [
        None,
        Some(Misbehaviour::HalfWritten),
        Some(Misbehaviour::Twice),
        Some(Misbehaviour::Cut),
    ];
    let each = filed.len().div_ceil(careless.len());
    for (nth, (some, misbehaviour)) in filed.chunks(each).zip(careless).enumerate() {
        let bytes = file(Format::JsonLines, &world.shop, world.date, some);
        drop_into(&folder, &format!("{nth}.jsonl"), &bytes, misbehaviour)
            .await
            .unwrap();
        for event in some {
            world.happened_elsewhere(world.date, event);
        }
    }
    let told: Vec<Event> = told.into_iter().cloned().collect();
    world.play(world.date, &told, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;

    let names = |of: &str| -> Vec<String> {
        let entries = std::fs::read_dir(folder.join(of)).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.ends_with(".error.txt")).collect();
        names.sort();
        names
    };
    assert_eq!(
        names("done"),
        ["0.jsonl", "1.jsonl", "2.jsonl", "3.jsonl", "again-2.jsonl"]
    );
    assert_eq!(names("refused"), ["cut-3.jsonl"]);
    let unreadable = open_kinds(&world).into_iter().filter(|kind| kind == "unreadable");
    assert_eq!(unreadable.count(), 1, "the cut file waits for a person");
}
