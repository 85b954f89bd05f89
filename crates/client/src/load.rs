//! A closed loop: each user sends its next request when it has read the last answer.

mod play;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

pub use play::Measured;
use play::Run;

use crate::adapter::{Adapter, Look, Outcome, Vars};
use crate::dataset;
use crate::http::Client;
use crate::parallel::{Jobs, at_once, in_parallel};
use crate::shop::{Server, source};
use crate::stats::Counts;

/// What users do all the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Workload {
    /// First page of products, 20 items
    List,
    /// Category, price range and term, sorted by price
    Search,
    /// First page of a category, which is drawn at random
    Filter,
    /// Search for a term drawn at random, with facets
    Facets,
    /// The same with a lowest price below all prices, drawn too: hardly a search has been asked for before
    Unheard,
    /// The featured products
    Featured,
    /// One product by id, at random but the same in each run
    Detail,
    /// Password login
    Login,
    /// Add one piece to the cart of a signed-in user; a cart has five lines
    Add,
    /// Fill a cart and order it, on products that no other user touches; counts orders
    Journey,
    /// One piece each time of the product with stock 500, until it is sold out (set back to 500 first, given an administrator)
    Hot,
}

/// Products that a user of `add` and `journey` has to itself, unless a cart has more lines.
const OWN_PRODUCTS: usize = 100;
/// Lines that an order of `journey` has, unless somebody wants to know of larger carts.
pub const LINES: usize = 2;

/// The server that is loaded, holding [`dataset`] up to product number `products`.
pub struct Target {
    pub server: Server,
    pub adapter: Adapter,
    /// Ids of product 1, 2, …; empty where product n has the id n.
    pub ids: Vec<Vars>,
    pub products: u32,
    /// Lines of each order of `journey`, as a rule [`LINES`].
    pub lines: usize,
}

/// People with a connection and an address each, who may do one workload after the other.
pub struct Users(Vec<RefCell<User>>);

struct User {
    index: usize,
    client: Client,
    vars: Vars,
    turn: usize,
    random: u64,
    in_cart: bool,
}

impl Workload {
    /// The adapter's operations that it consists of.
    pub fn needs(self) -> &'static [&'static str] {
        match self {
            Self::List => &["list"],
            Self::Search => &["search"],
            Self::Filter => &["filter"],
            Self::Facets => &["facets"],
            Self::Unheard => &["unheard"],
            Self::Featured => &["featured"],
            Self::Detail => &["detail"],
            Self::Login => &["login"],
            Self::Add => &["login", "add"],
            Self::Journey | Self::Hot => &["login", "add", "order"],
        }
    }

    pub fn signs_in(self) -> bool {
        self.needs().contains(&"add")
    }

    /// As on the command line and in JSON.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

impl Target {
    /// Makes accounts for so many users of the data set, where the adapter says how.
    ///
    /// # Errors
    /// The server is away, or refuses one.
    pub async fn register(&self, count: usize) -> Result<()> {
        if !self.adapter.has("register") {
            return Ok(());
        }
        in_parallel(8, count, async |_, jobs: &Jobs| {
            while let Some(index) = jobs.next() {
                self.prepare("register", &mut self.user(index)).await?;
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// What an operation on product 1 is answered.
    ///
    /// # Errors
    /// The server is away, or the adapter has no such operation.
    pub async fn look(&self, op: &str) -> Result<Look> {
        let mut user = self.user(0);
        self.product(&mut user, 1);
        let User { client, vars, .. } = &mut user;
        self.adapter.look(op, client, vars).await
    }

    /// Signed in, where asked for, before anything is measured.
    ///
    /// # Errors
    /// The server is away, does not know a user of the data set, or has fewer products than so many users need.
    pub async fn users(&self, count: usize, signed_in: bool) -> Result<Users> {
        if signed_in && count > dataset::USERS {
            bail!(
                "There are {} users, so there cannot be {count} connections for this workload.",
                dataset::USERS
            );
        }
        let needed = count * self.own_products();
        if signed_in && (self.products as usize) < needed {
            bail!(
                "{count} users need {needed} products, the server has {}.",
                self.products
            );
        }
        let made = in_parallel(8, count, async |_, jobs: &Jobs| {
            let mut made = Vec::new();
            while let Some(index) = jobs.next() {
                let mut user = self.user(index);
                if signed_in {
                    self.prepare("login", &mut user).await?;
                }
                made.push(user);
            }
            Ok(made)
        });
        let mut users: Vec<_> = made.await?.into_iter().flatten().collect();
        users.sort_by_key(|user| user.index);
        Ok(Users(users.into_iter().map(RefCell::new).collect()))
    }

    /// All users at it: `warmup`, then the measured window.
    ///
    /// # Errors
    /// A cart that is to be filled cannot be begun. What fails later is counted.
    pub async fn measure(
        &self,
        users: &Users,
        workload: Workload,
        warmup: Duration,
        window: Duration,
    ) -> Result<Measured> {
        let count = users.0.len();
        if workload.signs_in() && self.adapter.has("begin") {
            self.each(users, count, async |user| self.prepare("begin", user).await)
                .await?;
        }
        let started = Instant::now();
        let run = Run {
            target: self,
            workload,
            from: started + warmup,
            to: started + warmup + window,
        };
        let parts = self
            .each(users, count, async |user| run.play(user).await)
            .await?;
        let mut all = Measured::default();
        parts.into_iter().for_each(|part| all.merge(part));
        all.time = match (workload, all.last) {
            (Workload::Hot, Some(last)) => last - started,
            _ => window,
        };
        Ok(all)
    }

    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "each user has a cell of its own"
    )]
    async fn each<T>(
        &self,
        users: &Users,
        count: usize,
        work: impl AsyncFn(&mut User) -> Result<T>,
    ) -> Result<Vec<T>> {
        at_once(count, async |number| {
            work(&mut users.0[number - 1].borrow_mut()).await
        })
        .await
    }

    /// Products that nobody else touches, for each user.
    fn own_products(&self) -> usize {
        self.lines.max(OWN_PRODUCTS)
    }

    fn user(&self, index: usize) -> User {
        let mut vars = self.adapter.vars.clone();
        vars.insert("u".to_owned(), format!("{:03}", index % dataset::USERS + 1));
        User {
            index,
            client: Client::new(self.server.0, source(index + 1)),
            vars,
            turn: 0,
            random: 0x9E37_79B9_7F4A_7C15 ^ ((index as u64 + 1) * 0x0123_4567),
            in_cart: false,
        }
    }

    async fn prepare(&self, op: &str, user: &mut User) -> Result<()> {
        let mut answers = Counts::default();
        let outcome = self
            .adapter
            .run(op, &mut user.client, &mut user.vars, &mut answers)
            .await?;
        if outcome != Outcome::Done {
            bail!(
                "{op} of user {} failed: {} (`bench seed` makes the users)",
                user.index + 1,
                answers.line()
            );
        }
        Ok(())
    }

    /// Product number n of the data set into the variables.
    fn product(&self, user: &mut User, n: usize) {
        match self.ids.get(n - 1) {
            Some(ids) => user
                .vars
                .extend(ids.iter().map(|(name, id)| (name.clone(), id.clone()))),
            None => ["pid", "vid", "n"]
                .iter()
                .for_each(|name| drop(user.vars.insert((*name).to_owned(), n.to_string()))),
        }
    }
}
