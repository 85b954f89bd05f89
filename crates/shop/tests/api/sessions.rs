//! The devices on which somebody is signed in.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{PASSWORD, Person, TestShop, fresh_address};

const SESSIONS: &str = "/api/v1/auth/sessions/";
const PROFILE: &str = "/api/v1/auth/profile/";

async fn sessions(shop: &TestShop, person: &Person) -> Vec<Value> {
    let list = shop.get(SESSIONS).by(person).expect(200).await.json();
    list["results"].as_array().unwrap().clone()
}

fn current(sessions: &[Value]) -> &Value {
    let mut current = sessions
        .iter()
        .filter(|session| session["is_current"] == true);
    let first = current.next().unwrap();
    assert!(current.next().is_none(), "{sessions:?}");
    first
}

both! {
    async fn somebody_sees_the_devices_that_are_signed_in(shop: TestShop) {
        let alice = shop.customer("alice").await;
        shop.customer("bob").await;
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        let body = json!({"email": alice.email, "password": PASSWORD});
        let peer = fresh_address();
        shop.post("/api/v1/auth/login/").from(peer).header("user-agent", agent).json(body).expect(200).await;

        let listed = sessions(&shop, &alice).await;

        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0]["device"], "Firefox on Linux");
        assert_eq!(listed[0]["ip_address"], peer.ip().to_string());
        assert_eq!(listed[0]["is_current"], false);
        assert_eq!(current(&listed)["id"], listed[1]["id"]);
    }

    /// TK-07
    async fn a_session_that_is_ended_is_over_at_once(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let other = shop.sign_in(&alice.email).await;
        let id = current(&sessions(&shop, &other).await)["id"].clone();
        shop.get(PROFILE).by(&other).expect(200).await;

        shop.delete(&format!("{SESSIONS}{id}/")).by(&alice).expect(204).await;

        assert_eq!(shop.get(PROFILE).by(&other).expect(401).await.code(), "token_revoked");
        let body = json!({"refresh": other.refresh});
        assert_eq!(shop.post("/api/v1/auth/refresh/").json(body).expect(401).await.code(), "token_revoked");
        assert_eq!(sessions(&shop, &alice).await.len(), 1);
        shop.delete(&format!("{SESSIONS}{id}/")).by(&alice).expect(404).await;
    }

    async fn a_session_can_be_deactivated_as_another_document_has_it(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let other = shop.sign_in(&alice.email).await;
        let id = current(&sessions(&shop, &other).await)["id"].clone();
        shop.post(&format!("/api/auth/sessions/{id}/deactivate")).by(&alice).expect(204).await;
        shop.get(PROFILE).by(&other).expect(401).await;
    }

    /// TK-08, AZ-02
    async fn sessions_of_others_are_not_found(shop: TestShop) {
        let (alice, bob) = (shop.customer("alice").await, shop.customer("bob").await);
        let id = current(&sessions(&shop, &alice).await)["id"].clone();

        let foreign = shop.delete(&format!("{SESSIONS}{id}/")).by(&bob).expect(404).await;
        let absent = shop.delete(&format!("{SESSIONS}999999/")).by(&bob).expect(404).await;

        assert_eq!(foreign.json()["detail"], absent.json()["detail"]);
        shop.get(PROFILE).by(&alice).expect(200).await;
    }

    async fn all_sessions_end_together(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let (second, third) = (shop.sign_in(&alice.email).await, shop.sign_in(&alice.email).await);
        let bob = shop.customer("bob").await;
        let all = format!("{SESSIONS}deactivate-all/");

        let kept = shop.post(&all).by(&second).json(json!({"keep_current": true})).expect(200).await;
        assert_eq!(kept.json()["ended"], 2);
        shop.get(PROFILE).by(&third).expect(401).await;
        shop.get(PROFILE).by(&second).expect(200).await;

        assert_eq!(shop.post(&all).by(&second).expect(200).await.json()["ended"], 1);
        shop.get(PROFILE).by(&second).expect(401).await;
        shop.get(PROFILE).by(&bob).expect(200).await;
    }

    async fn last_seen_moves_when_a_session_is_used(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let seen = async || {
            let listed = sessions(&shop, &alice).await;
            current(&listed)["last_seen_at"].as_str().unwrap().to_owned()
        };
        assert_eq!(seen().await, "2026-03-01T12:00:00Z");
        shop.clock.advance(Duration::from_secs(59));
        assert_eq!(seen().await, "2026-03-01T12:00:00Z");

        shop.clock.advance(Duration::from_secs(1));
        // It is written beside the requests.
        let mut last = seen().await;
        for _ in 0..1000 {
            if last == "2026-03-01T12:01:00Z" {
                break;
            }
            tokio::task::yield_now().await;
            last = seen().await;
        }
        assert_eq!(last, "2026-03-01T12:01:00Z");
    }

    async fn what_can_no_longer_be_refreshed_is_not_listed(shop: TestShop) {
        let alice = shop.customer("alice").await;
        shop.clock.advance(Duration::from_secs(8 * 24 * 3600));
        let again = shop.sign_in(&alice.email).await;
        assert_eq!(sessions(&shop, &again).await.len(), 1);
    }

    async fn sessions_that_were_over_for_90_days_are_forgotten_with_their_tokens(shop: TestShop) {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let rows = async |table: &str| -> i64 {
            let conn = shop.app.db.read().await.unwrap();
            conn.one(&format!("SELECT COUNT(*) FROM {table}"), &[]).await.unwrap()
        };
        let swept = async || shop::housekeeping::sweep(&shop.app).await.unwrap().sessions;
        let alice = shop.customer("alice").await;
        let out = shop.sign_in(&alice.email).await;
        shop.post("/api/v1/auth/logout/").by(&out).json(json!({})).expect(200).await;

        // One has ended, the other one can be used for 30 days.
        shop.clock.advance(90 * DAY);
        assert_eq!((swept().await, rows("sessions").await), (0, 2));
        shop.clock.advance(DAY);
        shop.sign_in(&alice.email).await;
        assert_eq!((swept().await, rows("sessions").await, rows("refresh_tokens").await), (1, 2, 2));
        shop.clock.advance(29 * DAY);
        assert_eq!((swept().await, rows("sessions").await), (0, 2));
        shop.clock.advance(DAY);
        assert_eq!((swept().await, rows("sessions").await, rows("refresh_tokens").await), (1, 1, 1));
        assert_eq!(shop.post("/api/v1/auth/refresh/").json(json!({"refresh": alice.refresh})).expect(401).await.code(), "token_invalid");
    }
}
