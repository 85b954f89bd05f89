//! Hears of the stock that other processes move.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use db::{Conn, Engine, Marks};

use crate::clock::Time;
use crate::error::Result;
use crate::inventory;

/// More movements than this since the last look, and everything counts as moved.
const MOST: i64 = 5_000;

/// Longer than a transaction may take: PostgreSQL gives out ids before it commits, so a smaller one may still come.
const LATE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct Others {
    /// Movements up to here are all known.
    floor: Option<i64>,
    /// Those above it that were heard of.
    heard: HashSet<i64>,
    /// The highest id at each look of the last while, oldest first.
    looks: VecDeque<(Time, i64)>,
    /// Until then everything counts as moved at each look, as movements up to the floor may still come.
    blind_until: Option<Time>,
}

impl Others {
    /// Marks the variants of which stock has moved since the last time. This process's own moves are among them: that
    /// does no harm, and mends what a request that was given up in the middle of its commit could not mark.
    pub(super) async fn listen(
        &mut self,
        conn: &Conn,
        engine: Engine,
        marks: &Marks,
        now: Time,
    ) -> Result<()> {
        let floor = match self.floor {
            Some(floor) => floor,
            // Whoever looks for the first time believes nothing yet; only what is still on its way matters.
            None => inventory::last_movement(conn)
                .await?
                .saturating_sub(MOST / 2),
        };
        let moved = inventory::movements_after(conn, floor, MOST).await?;
        let late = match engine {
            Engine::Sqlite => Duration::ZERO,
            Engine::Postgres => LATE,
        };
        if moved.len() as i64 == MOST {
            // What was given an id until now is not looked at one by one, nor what of it comes late.
            self.floor = Some(inventory::last_movement(conn).await?);
            self.blind_until = Some(now + late);
            self.looks.clear();
            self.heard.clear();
            marks.every_key_changed();
            return Ok(());
        }
        let top = moved.last().map_or(floor, |&(id, _)| id);
        if self.blind_until.is_some() {
            // At the first look after it too: what was late came since the last one.
            marks.every_key_changed();
            self.blind_until.take_if(|until| now >= *until);
        } else {
            let news = moved.iter().filter(|(id, _)| !self.heard.contains(id));
            let variants: Vec<i64> = news.map(|&(_, variant)| variant.0).collect();
            marks.changed(&variants);
        }
        self.looks.push_back((now, top));
        let mut floor = floor;
        while let Some(&(at, top)) = self.looks.front()
            && now.since(at) >= late
        {
            floor = top;
            self.looks.pop_front();
        }
        self.floor = Some(floor);
        self.heard = moved
            .iter()
            .map(|&(id, _)| id)
            .filter(|&id| id > floor)
            .collect();
        Ok(())
    }
}
