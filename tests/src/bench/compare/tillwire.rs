//! Ours: the agent takes tickets by HTTP, the relay stores and signs for them.

use std::path::Path;

use anyhow::{Result, ensure};
use futures_util::StreamExt as _;
use futures_util::stream;

use super::super::line::received;
use super::{Contender, OUTSTANDING};
use crate::link_sim::Link;
use crate::program::Program;
use crate::world::{SECRET, Setup, World};

pub(super) struct Tillwire {
    world: World,
    /// Records at the relay that are no tickets.
    before: u64,
    client: reqwest::Client,
}

impl Contender for Tillwire {
    fn name() -> &'static str {
        "Tillwire"
    }

    async fn open(dir: &Path, edge: &Path) -> Result<Self> {
        let mut setup = Setup::new(7, 1, std::env::current_exe()?, dir.to_owned());
        setup.tenant = "bench".to_owned();
        setup.agent_dirs.insert(0, edge.to_owned());
        let world = World::start(&setup).await?;
        Ok(Self {
            before: received(&world).await?,
            world,
            client: reqwest::Client::new(),
        })
    }

    fn edge(&self) -> &Program {
        &self.world.sites[0].agent
    }

    fn link(&self) -> &Link {
        &self.world.sites[0].link
    }

    async fn accept(&self, tickets: &[String]) -> Result<()> {
        let url = format!("http://{}/v1/tickets", self.world.sites[0].http);
        let offers = tickets.iter().map(|ticket| {
            let request = self.client.post(&url).bearer_auth(SECRET).body(ticket.clone());
            async move {
                let answer = request.send().await?;
                ensure!(answer.status() == 200, "the agent answered {}", answer.status());
                Ok(())
            }
        });
        let mut offers = stream::iter(offers).buffer_unordered(OUTSTANDING);
        while let Some(offered) = offers.next().await {
            offered?;
        }
        Ok(())
    }

    async fn back(&self) -> Result<()> {
        self.world.sites[0].wait_up().await
    }

    async fn arrived(&self) -> Result<usize> {
        let held = received(&self.world).await?.saturating_sub(self.before);
        Ok(usize::try_from(held)?)
    }

    /// The captured bytes of each ticket travel behind its facts.
    async fn is_done(&self) -> Result<bool> {
        let status = self.world.sites[0].status().await?;
        Ok(status["backlog"] == 0 && status["attachments"] == 0)
    }
}
