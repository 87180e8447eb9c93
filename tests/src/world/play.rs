//! Lets a day happen: each register's events in their order, registers beside each other.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use jiff::civil::Date;
use tokio::time::Instant;

use super::World;
use crate::shop::Event;

/// A till that is not heard within this time has a reason that the story must explain.
const PATIENCE: Duration = Duration::from_secs(120);

/// How fast a day passes.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// As fast as the tills can.
    AtOnce,
    /// Spread over so much wall time, in the day's own proportions.
    Over(Duration),
}

impl World {
    /// Lets events of one business day happen; returns when all were taken.
    ///
    /// # Errors
    /// When an agent refuses an event or does not take it in time.
    pub async fn play(&self, date: Date, events: &[Event], pace: Pace) -> anyhow::Result<()> {
        let (first, last) = (
            events.first().map_or(0, |e| e.second),
            events.last().map_or(0, |e| e.second),
        );
        let start = Instant::now();
        let when = |event: &Event| match pace {
            Pace::AtOnce => start,
            Pace::Over(wall) => {
                let part = f64::from(event.second - first) / f64::from((last - first).max(1));
                start + wall.mul_f64(part)
            }
        };
        let registers = self
            .sites
            .iter()
            .enumerate()
            .flat_map(|(store, site)| (0..site.tills.len()).map(move |register| (store, register)));
        let registers = registers.map(|(store, register)| async move {
            let mine = events
                .iter()
                .filter(|e| e.store == store && e.register == register);
            for event in mine {
                tokio::time::sleep_until(when(event)).await;
                self.tell(date, event).await?;
            }
            anyhow::Ok(())
        });
        try_join_all(registers).await.map(drop)
    }

    /// An event happened that no till told the agent: the cloud knows it, or a file.
    pub fn happened_elsewhere(&self, date: Date, event: &Event) {
        self.happened().told.entry(date).or_default().push(event.clone());
    }

    /// Lets one event happen and be taken.
    ///
    /// # Errors
    /// When the agent refuses it or does not take it in time.
    pub async fn tell(&self, date: Date, event: &Event) -> anyhow::Result<()> {
        let site = self
            .sites
            .get(event.store)
            .context("an event of a store that is not there")?;
        let till = site
            .tills
            .get(event.register)
            .context("an event of a register that is not there")?;
        till.lock().await.tell(&self.shop, date, event, PATIENCE).await?;
        self.captured.fetch_add(1, Ordering::Relaxed);
        self.happened().told.entry(date).or_default().push(event.clone());
        Ok(())
    }
}
