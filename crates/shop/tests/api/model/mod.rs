//! Random operations on a shop and on a model of it ([`book`]): whatever the shop says or shows otherwise is a failure,
//! which names its seed. In between processes of it die at points that the seed draws.
//!
//! `CARTWRIGHT_TEST_MODEL_OPERATIONS=10000 CARTWRIGHT_TEST_MODEL_SEEDS=4,5,6 ./test -p shop --test api model`

mod book;
mod compare;
mod crashes;
mod payments;
mod play;
mod shoppers;
mod staff;

use std::num::NonZero;
use std::sync::Mutex;

use db::Engine;
use tokio::runtime::Runtime;

use play::Game;

const OPERATIONS: u64 = 600;
const SEEDS: &str = "1,2,3";

fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "no setting of the shop")]
    std::env::var(name).ok()
}

/// Each seed is a game of its own; as many at once as there are cores.
fn play(engine: Engine) {
    let operations = setting("CARTWRIGHT_TEST_MODEL_OPERATIONS");
    let operations = operations.map_or(OPERATIONS, |text| text.parse().unwrap());
    let seeds = setting("CARTWRIGHT_TEST_MODEL_SEEDS").unwrap_or(SEEDS.into());
    let seeds = seeds.split(',').map(|seed| seed.trim().parse().unwrap());
    let seeds = Mutex::new(seeds.collect::<Vec<u64>>());
    let next = || seeds.lock().unwrap().pop();
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            let player = std::thread::Builder::new().stack_size(ROOM);
            let playing = move || {
                while let Some(seed) = next() {
                    let game = async { Game::new(engine, seed).await.play(operations).await };
                    runtime().block_on(game);
                }
            };
            player.spawn_scoped(scope, playing).unwrap();
        }
    });
}

/// A debug build keeps all of an operation, from the request down to its statements, on the stack.
const ROOM: usize = 32 << 20;

fn runtime() -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime
        .worker_threads(2)
        .thread_stack_size(ROOM)
        .enable_all();
    runtime.build().unwrap()
}

#[test]
fn whatever_is_done_the_shop_does_what_its_model_does_on_sqlite() {
    play(Engine::Sqlite);
}

#[test]
fn whatever_is_done_the_shop_does_what_its_model_does_on_postgres() {
    play(Engine::Postgres);
}
