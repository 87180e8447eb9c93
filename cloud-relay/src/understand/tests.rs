use crate::desk;
use crate::store::exceptions::Filter;
use crate::testing::{Device, NOW, Relay, Segment, options, sale, settings, store_id, tenant};

use super::*;

const DAY: &str = "2027-01-14";

struct World {
    _dir: tempfile::TempDir,
    relay: Relay,
    device: Device,
    stage: Understanding,
}

async fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::open(&options(&dir)).await;
    let device = relay.enrol("d1").await;
    let stage = Understanding::new(relay.store.clone(), settings());
    World {
        _dir: dir,
        relay,
        device,
        stage,
    }
}

impl World {
    async fn send(&self, segment: &Segment, first: u64) {
        let batch = segment.batch(first, segment.last().0);
        self.relay.publish(&self.device, self.device.seal(&batch)).await;
    }

    async fn kinds(&self) -> Vec<ExceptionKind> {
        let open = self
            .relay
            .store
            .read(|db| exceptions::list(db, &Filter::default()))
            .await
            .unwrap();
        open.into_iter().map(|stored| stored.draft.kind).collect()
    }

    async fn filed(&self) -> Vec<(BusinessDay, usize)> {
        self.relay
            .store
            .read(|db| {
                let days = days::list(db, None, None, 100)?;
                days.into_iter()
                    .map(|row| Ok((row.day, records::of_day(db, row.id)?.len())))
                    .collect()
            })
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn records_are_filed_under_the_days_that_the_till_says() {
    let world = world().await;
    let mut segment = world.device.segment(1, None);
    segment.tell(&sale("2027-01-13", "1", "A", 500));
    segment.tell(&sale(DAY, "2", "A", 500));
    world.send(&segment, 1).await;
    assert_eq!(world.stage.step().await.unwrap(), 1);
    assert_eq!(world.stage.step().await.unwrap(), 0);
    let wanted = [(DAY.parse().unwrap(), 1), ("2027-01-13".parse().unwrap(), 1)];
    assert_eq!(world.filed().await, wanted);
}

#[tokio::test]
async fn poison_record_is_named_and_those_behind_it_go_on() {
    let world = world().await;
    let mut segment = world.device.segment(1, None);
    segment.tell(&sale(DAY, "1", "A", 500));
    segment.push(vec![0xff; 30]);
    segment.tell(&sale(DAY, "2", "A", 500));
    world.send(&segment, 1).await;
    world.stage.step().await.unwrap();
    assert_eq!(world.kinds().await, [ExceptionKind::Undecodable]);
    let row = world
        .relay
        .store
        .read(|db| days::get(db, &tenant(), &store_id(), DAY.parse().unwrap()));
    let row = row.await.unwrap().unwrap();
    let all = settings();
    let settings = all.store(&tenant(), &store_id()).unwrap().clone();
    let facts = world
        .relay
        .store
        .read(move |db| crate::days::gather(db, &row, &settings))
        .await
        .unwrap();
    assert_eq!(facts.transactions.len(), 2);
    assert_eq!(
        world.stage.again().await.unwrap(),
        0,
        "still not readable by this version"
    );
    assert_eq!(world.kinds().await, [ExceptionKind::Undecodable]);
}

#[tokio::test]
async fn store_that_was_not_configured_is_filed_once_it_is() {
    let world = world().await;
    let mut segment = world.device.segment(1, None);
    segment.tell(&sale(DAY, "1", "A", 500));
    world.send(&segment, 1).await;
    let early = Understanding::new(world.relay.store.clone(), Arc::default());
    early.step().await.unwrap();
    assert_eq!(world.kinds().await, [ExceptionKind::Undecodable]);
    // a person who tries again at the page or on the command line gets it understood, and is in the log
    let one = world.relay.store.read(|db| exceptions::get(db, 1));
    let one = one.await.unwrap().unwrap();
    let tried = desk::retry(&world.relay.store, settings(), &one, "ann").await;
    assert_eq!(tried.unwrap(), desk::Tried::Understood(1));
    assert!(world.kinds().await.is_empty());
    assert_eq!(world.filed().await, [(DAY.parse().unwrap(), 1)]);
}

#[tokio::test]
async fn new_start_after_the_end_of_the_last_is_no_alarm() {
    let world = world().await;
    let mut first = world.device.segment(1, None);
    first.tell(&sale(DAY, "1", "A", 500));
    world.send(&first, 1).await;
    let mut second = world.device.segment(2, Some(first.end()));
    second.tell(&sale(DAY, "2", "A", 500));
    world.send(&second, 1).await;
    world.stage.step().await.unwrap();
    assert!(world.kinds().await.is_empty());
}

#[tokio::test]
async fn start_that_found_less_than_is_held_names_the_lost_tail() {
    let world = world().await;
    let mut first = world.device.segment(1, None);
    first.tell(&sale(DAY, "1", "A", 500));
    let early = first.end();
    first.tell(&sale(DAY, "2", "A", 500));
    world.send(&first, 1).await;
    let mut second = world.device.segment(2, Some(early));
    second.tell(&sale(DAY, "3", "A", 500));
    world.send(&second, 1).await;
    world.stage.step().await.unwrap();
    assert_eq!(world.kinds().await, [ExceptionKind::TailLost]);
}

#[tokio::test]
async fn restored_disk_is_a_rollback_and_a_second_voice_a_clone() {
    let world = world().await;
    let mut first = world.device.segment(1, None);
    first.tell(&sale(DAY, "1", "A", 500));
    world.send(&first, 1).await;
    let mut one = world.device.segment(2, Some(first.end()));
    one.tell(&sale(DAY, "2", "A", 500));
    world.send(&one, 1).await;
    world.stage.step().await.unwrap();
    assert!(world.kinds().await.is_empty());
    world.relay.store.clock().set(NOW + 1000);
    let mut other = world.device.segment(3, Some(first.end()));
    other.tell(&sale(DAY, "3", "A", 500));
    world.send(&other, 1).await;
    world.stage.step().await.unwrap();
    assert_eq!(world.kinds().await, [ExceptionKind::RolledBack]);
    world.relay.store.clock().set(NOW + 2000);
    one.tell(&sale(DAY, "4", "A", 500));
    world.send(&one, 2).await;
    world.stage.step().await.unwrap();
    assert_eq!(
        world.kinds().await,
        [ExceptionKind::Clone, ExceptionKind::RolledBack]
    );
    assert_eq!(world.filed().await.len(), 1, "nothing is lost by it");
}
