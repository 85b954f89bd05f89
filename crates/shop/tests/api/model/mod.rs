//! Random operations on a shop and on a model of it ([`book`]): whatever the shop says or shows otherwise is a failure,
//! which names its seed. In between requests are broken off and the shop is opened anew on the same database.
//!
//! `CARTWRIGHT_TEST_MODEL_OPERATIONS=10000 CARTWRIGHT_TEST_MODEL_SEEDS=4,5,6 ./test -p shop --test api model`

mod book;
mod compare;
mod play;

use db::Engine;

use play::Game;

const OPERATIONS: u64 = 600;
const SEEDS: &str = "1,2,3";

fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "no setting of the shop")]
    std::env::var(name).ok()
}

async fn play(engine: Engine) {
    let operations = setting("CARTWRIGHT_TEST_MODEL_OPERATIONS");
    let operations = operations.map_or(OPERATIONS, |text| text.parse().unwrap());
    let seeds = setting("CARTWRIGHT_TEST_MODEL_SEEDS").unwrap_or(SEEDS.into());
    for seed in seeds.split(',') {
        Game::new(engine, seed.trim().parse().unwrap())
            .await
            .play(operations)
            .await;
    }
}

/// On threads with room: a debug build keeps all of an operation, from the request down to its statements, on the stack.
fn with_room(engine: Engine) {
    const ROOM: usize = 32 << 20;
    let playing = std::thread::Builder::new().stack_size(ROOM).spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime
            .worker_threads(2)
            .thread_stack_size(ROOM)
            .enable_all();
        runtime.build().unwrap().block_on(play(engine));
    });
    playing.unwrap().join().unwrap();
}

#[test]
fn whatever_is_done_the_shop_does_what_its_model_does_on_sqlite() {
    with_room(Engine::Sqlite);
}

#[test]
fn whatever_is_done_the_shop_does_what_its_model_does_on_postgres() {
    with_room(Engine::Postgres);
}
