//! Ten times as many at once as the shop may serve: it sheds, and recovers as soon as they leave.

use std::time::{Duration, Instant};

use super::site::{Site, scratch, settings};
use crate::support::{Folder, cartwright, eventually};

const CARRIES: usize = 4;

#[tokio::test]
async fn ten_times_the_load_is_shed_and_nothing_acknowledged_is_lost() {
    let scratch = scratch().await;
    for database in [None, Some(&*scratch.url)] {
        let carries = CARRIES.to_string();
        let mut env = settings(&[("MAX_REQUESTS_IN_FLIGHT", &*carries)]);
        env.extend(database.map(|url| ("DATABASE_URL", url.to_owned())));
        let folder = Folder::new();
        let mut serve = cartwright(&folder, &["serve", "--port", "0"]);
        serve.envs(env.iter().cloned());
        let site = Site::open(folder, env, &mut serve, 10 * CARRIES).await;

        // They all leave in the middle of what they were asking.
        tokio::select! {
            () = site.buyers.order("rush", usize::MAX) => {}
            () = site.buyers.until(|counts| counts.confirmed >= 60) => {}
        }

        let left = Instant::now();
        eventually("a request is answered", || {
            site.shop.get("/api/v1/products/?search=thing").status == 200
        });
        assert!(left.elapsed() < Duration::from_secs(10));
        let counts = site.buyers.counts();
        assert!(counts.refused > counts.confirmed, "{counts:?}");
        site.close().await;
    }
    scratch.remove().await.unwrap();
}
