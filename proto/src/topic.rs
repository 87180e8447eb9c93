//! MQTT topics, built and parsed in this one place: `tillwire/v1/{tenant}/{device}/up` and `…/down`.

use std::fmt;
use std::str::FromStr;

use crate::ids::{DeviceId, NameError, TenantId};

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Agent to relay.
    Up,
    /// Relay to agent.
    Down,
}

/// One device's topic. There is no other kind, and no wildcard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    /// The retailer.
    pub tenant: TenantId,
    /// The device.
    pub device: DeviceId,
    /// Which way.
    pub direction: Direction,
}

/// Why a text is not one of our topics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Another shape.
    #[error("found topic {0:?}, wanted tillwire/v1/TENANT/DEVICE/up or tillwire/v1/TENANT/DEVICE/down")]
    Shape(String),
    /// A part that is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Topic {
    /// Where a device publishes.
    #[must_use]
    pub const fn up(tenant: TenantId, device: DeviceId) -> Self {
        Self {
            tenant,
            device,
            direction: Direction::Up,
        }
    }

    /// Where a device listens.
    #[must_use]
    pub const fn down(tenant: TenantId, device: DeviceId) -> Self {
        Self {
            tenant,
            device,
            direction: Direction::Down,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.direction {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        write!(f, "tillwire/v1/{}/{}/{end}", self.tenant, self.device)
    }
}

impl FromStr for Topic {
    type Err = TopicError;
    fn from_str(text: &str) -> Result<Self, TopicError> {
        let parts: Vec<&str> = text.split('/').collect();
        let ["tillwire", "v1", tenant, device, end] = parts[..] else {
            return Err(TopicError::Shape(text.chars().take(120).collect()));
        };
        let direction = match end {
            "up" => Direction::Up,
            "down" => Direction::Down,
            _ => return Err(TopicError::Shape(text.chars().take(120).collect())),
        };
        Ok(Self {
            tenant: TenantId::new(tenant)?,
            device: DeviceId::new(device)?,
            direction,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_print_and_parse_back() {
        let topic: Topic = "tillwire/v1/maple/store-1/up".parse().unwrap();
        assert_eq!(topic.to_string(), "tillwire/v1/maple/store-1/up");
        assert_eq!(topic.direction, Direction::Up);
    }

    #[test]
    fn wildcards_and_other_trees_are_not_topics() {
        for text in [
            "tillwire/v1/maple/+/up",
            "tillwire/v1/maple/#",
            "$SYS/broker",
            "tillwire/v2/a/b/up",
            "tillwire/v1/a/b/up/x",
        ] {
            assert!(text.parse::<Topic>().is_err(), "{text}");
        }
    }
}
