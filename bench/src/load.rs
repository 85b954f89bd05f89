//! `bench load`: a closed loop. Each user sends its next request when it has read the last answer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::adapter::{Adapter, CARTWRIGHT, Outcome, Vars};
use crate::dataset;
use crate::http::Client;
use crate::output::Output;
use crate::parallel::{Jobs, at_once, in_parallel};
use crate::shop::{Ask, Server, source};
use crate::stats::{Counts, Times, per_second};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long, value_enum)]
    workload: Workload,
    /// Connections, each a user with a source address of its own [default: 32; login 4, journey 16]
    #[arg(long)]
    conns: Option<usize>,
    /// Seconds that are measured
    #[arg(long, default_value_t = 10.0)]
    secs: f64,
    /// Seconds before that
    #[arg(long, default_value_t = 2.0)]
    warmup: f64,
    /// The server's adapter, if it is not Cartwright
    #[arg(long, value_name = "FILE")]
    adapter: Option<PathBuf>,
    /// Products' ids as `bench seed --ids` wrote them, if product n does not have id n
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// How many products the server has, for `detail`
    #[arg(long, default_value_t = dataset::PRODUCTS)]
    products: u32,
    /// hot: seconds after which it ends even if there is stock
    #[arg(long, default_value_t = 60.0)]
    cap: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Workload {
    /// First page of products, 20 items
    List,
    /// Category, price range and term, sorted by price
    Search,
    /// First page of a category, which is drawn at random
    Filter,
    /// Search for a term drawn at random, with facets
    Facets,
    /// The featured products
    Featured,
    /// One product by id, at random but the same in each run
    Detail,
    /// Password login
    Login,
    /// Add one piece to the cart of a signed-in user; a cart has five lines
    Add,
    /// Add, add, order on products that no other user touches; counts orders
    Journey,
    /// One piece each time of the product with stock 500, until it is sold out (set back to 500 first, given an administrator)
    Hot,
}

/// Lines that a cart of workload `add` has.
const CART_LINES: usize = 5;

struct Load {
    server: Server,
    adapter: Adapter,
    ids: Vec<Vars>,
    products: u32,
    workload: Workload,
    from: Instant,
    to: Instant,
}

#[derive(Default)]
struct Measured {
    done: Times,
    adds: Times,
    orders: Times,
    all: u64,
    failed: u64,
    sold_out: u64,
    answers: Counts,
    last: Option<Instant>,
}

pub(crate) async fn load(
    options: Options,
    server: Server,
    admin: (&str, &str),
    output: Output,
) -> Result<bool> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
    };
    let text = options
        .adapter
        .as_ref()
        .map_or_else(|| Ok(CARTWRIGHT.to_owned()), read)?;
    let adapter = Adapter::parse(&text, &server.0.to_string())?;
    let ids = options
        .ids
        .as_ref()
        .map(read)
        .transpose()?
        .map_or_else(|| Ok(Vec::new()), |ids| serde_json::from_str(&ids))?;
    let workload = options.workload;
    for op in workload.needs() {
        adapter.require(op)?;
    }
    let conns = options.conns.unwrap_or(match workload {
        Workload::Login => 4,
        Workload::Journey => 16,
        _ => 32,
    });
    if workload.needs().contains(&"add") && conns > dataset::USERS {
        bail!(
            "There are {} users, so --conns cannot be {conns} for this workload.",
            dataset::USERS
        );
    }
    let now = Instant::now();
    let mut load = Load {
        server,
        adapter,
        ids,
        products: options.products,
        workload,
        from: now,
        to: now,
    };
    let mut users = load.users(conns).await?;
    if workload == Workload::Hot && options.adapter.is_none() && !admin.1.is_empty() {
        load.restock(admin).await?;
    }

    let (warmup, secs) = match workload {
        Workload::Hot => (0.0, options.cap),
        _ => (options.warmup, options.secs),
    };
    let started = Instant::now();
    load.from = started + Duration::from_secs_f64(warmup);
    load.to = load.from + Duration::from_secs_f64(secs);
    let cells: Vec<_> = users.drain(..).map(std::cell::RefCell::new).collect();
    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "each user has a cell of its own"
    )]
    let parts = at_once(conns, async |number| {
        load.play(&mut cells[number - 1].borrow_mut()).await
    })
    .await?;
    let mut all = Measured::default();
    parts.into_iter().for_each(|part| all.merge(part));
    let time = match (workload, all.last) {
        (Workload::Hot, Some(last)) => last - started,
        _ => Duration::from_secs_f64(secs),
    };
    let summary = all.summary(&load, conns, time);
    output.print(&summary, || all.print(&load, conns, time));
    Ok(all.failed == 0)
}

impl Workload {
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::List => &["list"],
            Self::Search => &["search"],
            Self::Filter => &["filter"],
            Self::Facets => &["facets"],
            Self::Featured => &["featured"],
            Self::Detail => &["detail"],
            Self::Login => &["login"],
            Self::Add => &["login", "add"],
            Self::Journey | Self::Hot => &["login", "add", "order"],
        }
    }
}

struct User {
    index: usize,
    client: Client,
    vars: Vars,
    turn: usize,
    random: u64,
    in_cart: bool,
}

impl User {
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

impl Load {
    /// Signed in, where the workload needs it, before anything is measured.
    async fn users(&self, count: usize) -> Result<Vec<User>> {
        let made = in_parallel(8, count, async |_, jobs: &Jobs| {
            let mut made = Vec::new();
            while let Some(index) = jobs.next() {
                let mut vars = self.adapter.vars.clone();
                vars.insert("u".to_owned(), format!("{:03}", index % dataset::USERS + 1));
                let random = 0x9E37_79B9_7F4A_7C15 ^ ((index as u64 + 1) * 0x0123_4567);
                let client = Client::new(self.server.0, source(index + 1));
                let mut user = User {
                    index,
                    client,
                    vars,
                    turn: 0,
                    random,
                    in_cart: false,
                };
                for op in ["login", "begin"]
                    .into_iter()
                    .filter(|op| self.workload.needs().contains(&"add") && self.adapter.has(op))
                {
                    let mut answers = Counts::default();
                    if self
                        .adapter
                        .run(op, &mut user.client, &mut user.vars, &mut answers)
                        .await?
                        != Outcome::Done
                    {
                        bail!(
                            "{op} of user {} failed: {} (`bench seed` makes the users)",
                            index + 1,
                            answers.line()
                        );
                    }
                }
                made.push(user);
            }
            Ok(made)
        });
        let mut users: Vec<_> = made.await?.into_iter().flatten().collect();
        users.sort_by_key(|user| user.index);
        Ok(users)
    }

    /// The hot product as it was at first.
    async fn restock(&self, admin: (&str, &str)) -> Result<()> {
        let n = dataset::PRODUCTS;
        let id = self
            .ids
            .get(n as usize - 1)
            .and_then(|ids| ids.get("pid").cloned());
        let path = format!("products/{}/", id.unwrap_or_else(|| n.to_string()));
        let body = json!({"stock": dataset::HOT_STOCK});
        let ask = Ask {
            method: "PATCH",
            ..Ask::post(&path, &body)
        };
        self.server
            .signed_in(admin.0, admin.1)
            .await?
            .expect(ask)
            .await?;
        Ok(())
    }

    async fn play(&self, user: &mut User) -> Result<Measured> {
        let mut measured = Measured::default();
        loop {
            let since = Instant::now();
            if since >= self.to {
                return Ok(measured);
            }
            let outcome = self.turn(user, &mut measured).await?;
            let end = Instant::now();
            let counts = end >= self.from && end < self.to;
            match outcome {
                Outcome::Done => {
                    measured.all += 1;
                    measured.last = Some(end);
                    if counts {
                        measured.done.add(end - since);
                    }
                }
                Outcome::SoldOut => {
                    measured.sold_out += 1;
                    return Ok(measured);
                }
                Outcome::Failed => {
                    measured.failed += u64::from(counts);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }
    }

    async fn turn(&self, user: &mut User, measured: &mut Measured) -> Result<Outcome> {
        let turn = user.turn;
        user.turn += 1;
        match self.workload {
            Workload::List => self.run("list", user, measured).await,
            Workload::Search => self.run("search", user, measured).await,
            Workload::Login => self.run("login", user, measured).await,
            Workload::Featured => self.run("featured", user, measured).await,
            Workload::Filter => {
                let category = user.draw() % u64::from(dataset::CATEGORIES) + 1;
                user.vars.insert("c".to_owned(), format!("{category:02}"));
                self.run("filter", user, measured).await
            }
            Workload::Facets => {
                let term = dataset::term(user.draw());
                user.vars.insert("term".to_owned(), term);
                self.run("facets", user, measured).await
            }
            Workload::Detail => {
                let n = user.draw() % u64::from(self.products) + 1;
                self.product(user, n as usize);
                self.run("detail", user, measured).await
            }
            Workload::Add => {
                self.product(user, user.index * 100 + 1 + turn % CART_LINES);
                self.run("add", user, measured).await
            }
            Workload::Journey => {
                for half in 0..2 {
                    self.product(user, user.index * 100 + 1 + (2 * turn + half) % 100);
                    match self.run("add", user, measured).await? {
                        Outcome::Done => {}
                        other => return Ok(other),
                    }
                }
                self.run("order", user, measured).await
            }
            Workload::Hot => {
                self.product(user, dataset::PRODUCTS as usize);
                // After a failed order the piece is still in the cart.
                if !user.in_cart {
                    match self.run("add", user, measured).await? {
                        Outcome::Done => user.in_cart = true,
                        other => return Ok(other),
                    }
                }
                let outcome = self.run("order", user, measured).await?;
                user.in_cart = outcome != Outcome::Done;
                Ok(outcome)
            }
        }
    }

    async fn run(&self, op: &str, user: &mut User, measured: &mut Measured) -> Result<Outcome> {
        let since = Instant::now();
        let outcome = self
            .adapter
            .run(op, &mut user.client, &mut user.vars, &mut measured.answers)
            .await?;
        if outcome == Outcome::Done && since >= self.from {
            match op {
                "add" => measured.adds.add(since.elapsed()),
                "order" => measured.orders.add(since.elapsed()),
                _ => {}
            }
        }
        Ok(outcome)
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

impl Measured {
    fn merge(&mut self, other: Self) {
        self.done.merge(other.done);
        self.adds.merge(other.adds);
        self.orders.merge(other.orders);
        self.all += other.all;
        self.failed += other.failed;
        self.sold_out += other.sold_out;
        self.answers.merge(other.answers);
        self.last = self.last.max(other.last);
    }

    fn summary(&mut self, load: &Load, conns: usize, time: Duration) -> Value {
        let done = self.done.len() as u64;
        json!({
            "server": load.adapter.name, "workload": format!("{:?}", load.workload).to_lowercase(), "conns": conns,
            "seconds": time.as_secs_f64(), "done": done, "per_second": per_second(done, time), "failed": self.failed,
            "sold_out": self.sold_out, "done_with_warmup": self.all, "time": self.done.json(), "add": self.adds.json(),
            "order": self.orders.json(), "troubles": self.answers.json(),
        })
    }

    fn print(&mut self, load: &Load, conns: usize, time: Duration) {
        let done = self.done.len() as u64;
        say!(
            "{:?} on {}: {} a second ({done} in {:.1} s, {conns} connections)",
            load.workload,
            load.adapter.name,
            per_second(done, time),
            time.as_secs_f64()
        );
        say!("  {}", self.done.line());
        if self.orders.len() > 0 {
            say!("  add {}\n  order {}", self.adds.line(), self.orders.line());
        }
        say!(
            "  failed {}, sold out {}; {}",
            self.failed,
            self.sold_out,
            self.answers.line()
        );
    }
}
