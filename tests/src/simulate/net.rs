//! What lines do to connections and messages.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use rand::Rng as _;
use ring::signature::Ed25519KeyPair;
use tillwire_proto::{Batch, Envelope, Kind, LaneId, Receipt, UP_LEN_MAX, seal};
use tillwire_relay::endpoint::DeviceRef;
use tillwire_relay::ingest::signer::ReceiptSigner;

use super::plan::Bug;
use super::site::{Life, Wish};
use super::world::{Happening, World};

impl World {
    pub(super) fn grant(&mut self, site: usize, wish: Wish) -> anyhow::Result<()> {
        let link = &self.links[site];
        let is_open = self.now >= link.cut_until && self.now >= link.silent_until;
        match wish {
            Wish::Connect if is_open && self.relay.life.is_some() => {
                let after = self.chance.random_range(5..80);
                let line = self.lines_and_count();
                self.at(self.now + after, Happening::Connected { site, line });
            }
            Wish::Connect => {
                let patience = if self.now < link.silent_until { 10_000 } else { 40 };
                self.at(self.now + patience, Happening::NotConnected { site });
            }
            Wish::Disconnect => self.note(format!("box {site} gives its line up")),
            Wish::Send(bytes) => {
                let line = self.sites[site].life.as_ref().and_then(|life| life.line);
                if let Some(line) = line.filter(|_| self.now >= link.silent_until) {
                    let at = self.arrives(site, true);
                    if self.now < self.links[site].doubled_until {
                        let bytes = bytes.clone();
                        self.at(at, Happening::Up { site, line, bytes });
                    }
                    self.at(at, Happening::Up { site, line, bytes });
                }
            }
            Wish::Believes(segment, through) => {
                let known = self.believed.entry(segment).or_default();
                *known = (*known).max(through.0);
                let held = self.relay.holds(segment)?;
                if held.is_some_and(|held| held < through.0) {
                    let held = held.unwrap_or(0);
                    self.wrong(format!(
                        "box {site} has a receipt through {through} of {segment}, and the relay holds {held}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// When a message that leaves now is there.
    pub(super) fn arrives(&mut self, site: usize, up: bool) -> u64 {
        let slow = self.now < self.links[site].slow_until;
        let takes = if slow {
            self.chance.random_range(500..20_000)
        } else {
            self.chance.random_range(1..60)
        };
        let link = &mut self.links[site];
        let last = if up { &mut link.up_at } else { &mut link.down_at };
        *last = (*last).max(self.now + takes);
        *last
    }

    pub(super) fn connected(&mut self, site: usize, line: u64) -> anyhow::Result<()> {
        let (now, device) = (self.now, self.sites[site].identity().device);
        let cut = now < self.links[site].cut_until || now < self.links[site].silent_until;
        match (&mut self.sites[site].life, &mut self.relay.life) {
            (Some(life), Some(relay)) if !cut => {
                relay.lines.insert(device, line);
                life.connected(line, now);
                self.note(format!("box {site} is connected by line {line}"));
            }
            (Some(life), _) => life.disconnected(now),
            (None, _) => {}
        }
        self.settle(site, &[])
    }

    pub(super) async fn up(&mut self, site: usize, line: u64, bytes: Vec<u8>) -> anyhow::Result<()> {
        let identity = self.sites[site].identity();
        let Some(relay) = &self.relay.life else {
            return Ok(());
        };
        let is_live = relay.lines.get(&identity.device) == Some(&line);
        // of a line that is gone some still arrives
        if !is_live && self.chance.random() {
            return Ok(());
        }
        if self.bug == Some(Bug::ReceiptBeforeCommit) {
            self.receipt_too_early(site, line, &bytes)?;
        }
        let answers = self.relay.take(&identity, bytes).await;
        for (device, bytes) in answers {
            self.answer(&device, bytes);
        }
        self.work_at(self.now + 200);
        Ok(())
    }

    pub(super) fn answer(&mut self, device: &DeviceRef, bytes: Bytes) {
        let line = self
            .relay
            .life
            .as_ref()
            .and_then(|life| life.lines.get(device).copied());
        let site = self
            .sites
            .iter()
            .position(|site| site.identity().device == *device);
        if let (Some(line), Some(site)) = (line, site)
            && self.now >= self.links[site].silent_until
        {
            let at = self.arrives(site, false);
            self.at(at, Happening::Down { site, line, bytes });
        }
    }

    /// What a relay does that signs before it commits.
    pub(super) fn receipt_too_early(&mut self, site: usize, line: u64, bytes: &[u8]) -> anyhow::Result<()> {
        let envelope = Envelope::open(bytes, UP_LEN_MAX)?;
        let (Kind::Batch, Some(life)) = (envelope.kind, &self.relay.life) else {
            return Ok(());
        };
        let batch: Batch = envelope.decode()?;
        let receipt = Receipt {
            relay: life.store.relay(),
            generation: life.store.generation(),
            lane: LaneId::new("pos")?,
            segment: batch.segment,
            through: batch.last_number(),
            hash: batch.last,
            at_ms: self.wall_ms(),
        };
        let bytes = Bytes::from(seal(Kind::Receipt, &receipt, &self.relay.signer())?);
        let at = self.arrives(site, false);
        self.at(at, Happening::Down { site, line, bytes });
        Ok(())
    }

    /// Who stands on the line knows what is under way, and says that the relay holds all of it.
    pub(super) fn forge_receipt(&mut self, site: usize) -> anyhow::Result<()> {
        let newest = self.sites[site]
            .life
            .as_mut()
            .map(Life::newest)
            .transpose()?
            .flatten();
        let line = self.sites[site].life.as_ref().and_then(|life| life.line);
        let (Some((segment, through, hash)), Some(line), Some(life)) = (newest, line, &self.relay.life)
        else {
            return Ok(());
        };
        let receipt = Receipt {
            relay: life.store.relay(),
            generation: life.store.generation(),
            lane: LaneId::new("pos")?,
            segment,
            through,
            hash,
            at_ms: self.wall_ms(),
        };
        // a box that believes strangers is one that takes this for the relay's
        let signer = if self.bug == Some(Bug::BelievesStrangers) {
            self.relay.signer()
        } else {
            let stranger = Ed25519KeyPair::from_seed_unchecked(&[7; 32]);
            ReceiptSigner::new(Arc::new(stranger.ok().context("a stranger's key")?))
        };
        let bytes = Bytes::from(seal(Kind::Receipt, &receipt, &signer)?);
        self.note(format!(
            "a receipt of {segment} through {through} is forged for box {site}"
        ));
        self.at(self.now + 1, Happening::Down { site, line, bytes });
        Ok(())
    }

    pub(super) fn down(&mut self, site: usize, line: u64, bytes: &[u8]) -> anyhow::Result<()> {
        let (now, key) = (self.now, self.sites[site].receipt_key());
        if now < self.links[site].silent_until {
            return Ok(());
        }
        match &mut self.sites[site].life {
            Some(life) if life.line == Some(line) => life.hears(bytes, &key, now)?,
            _ => return Ok(()),
        }
        self.settle(site, bytes)
    }

    pub(super) fn close_all_lines(&mut self) {
        for site in 0..self.sites.len() {
            let line = self.sites[site].life.as_ref().and_then(|life| life.line);
            if let Some(line) = line {
                let after = self.chance.random_range(1..500);
                self.at(self.now + after, Happening::Closed { site, line });
            }
        }
    }
}
