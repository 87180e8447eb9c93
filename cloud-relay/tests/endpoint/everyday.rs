//! What every store's agent does all day.

use bytes::Bytes;
use rumqttc::{Event as MqttEvent, Packet, PublishOptions, QoS};
use tillwire_relay::endpoint::{CloseReason, Delivery, Event, SendError};
use tokio::time::timeout;

use crate::support::{SOON, World, device, until};

#[tokio::test]
async fn a_payload_goes_up_and_a_message_comes_down() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let (client, mut events) = world.mqtt(&owner);
    client
        .subscribe(owner.device.down_topic(), QoS::AtLeastOnce)
        .await
        .unwrap();
    client
        .publish(
            owner.device.up_topic(),
            "a batch",
            PublishOptions::at_least_once(),
        )
        .await
        .unwrap();
    let (mut acknowledged, mut heard) = (false, None);
    let conversation = async {
        while !acknowledged || heard.is_none() {
            match events.poll().await.unwrap() {
                MqttEvent::Incoming(Packet::SubAck(_)) => {
                    let sent =
                        world
                            .downlink
                            .send(&owner.device, Bytes::from("a receipt"), Delivery::Acknowledged);
                    sent.unwrap();
                }
                MqttEvent::Incoming(Packet::PubAck(_)) => acknowledged = true,
                MqttEvent::Incoming(Packet::Publish(publish)) => heard = Some(publish),
                _ => {}
            }
        }
    };
    timeout(SOON, conversation).await.unwrap();
    assert_eq!(world.ingest.stored(), ["a batch"]);
    let heard = heard.unwrap();
    assert_eq!(heard.payload, "a receipt");
    assert_eq!(heard.topic, owner.device.down_topic());

    let live = world.downlink.connections();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].identity.device, owner.device);
    assert_eq!(&live[0].identity.public_key[..], owner.key.public_key_raw());
    assert_eq!(live[0].accepted, 1);
    assert!(live[0].bytes_in > 500 && live[0].bytes_out > 500 && live[0].listening);

    client.disconnect().await.unwrap();
    while timeout(SOON, events.poll()).await.unwrap().is_ok() {}
    until("the connection is forgotten", || {
        world.downlink.connections().is_empty()
    })
    .await;
    assert_eq!(world.ingest.reasons(), [CloseReason::Goodbye]);
    assert!(matches!(world.ingest.events()[0], Event::Connected { .. }));
}

#[tokio::test]
async fn a_message_to_nobody_is_an_error() {
    let world = World::new().await;
    let nobody = device("nobody");
    let sent = world
        .downlink
        .send(&nobody, Bytes::from("lost"), Delivery::Acknowledged);
    assert_eq!(sent, Err(SendError::NotConnected(nobody)));
}
