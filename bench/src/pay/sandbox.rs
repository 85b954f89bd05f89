//! Orders paid in the shop's sandbox, which decides as it is told.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Placed;
use crate::shop::{Ask, Caller};

const OUTCOMES: [&str; 8] = [
    "success",
    "decline",
    "three_d_secure",
    "late_webhook",
    "doubled_webhook",
    "lost_webhook",
    "wrong_amount",
    "dispute",
];

/// Pays an order at an outcome by chance. Nobody verifies: webhooks and the shop's own looking have to do.
pub(super) async fn buy(buyer: &mut Caller, id: i64, chance: u64) -> Result<Placed> {
    let outcome = OUTCOMES[usize::try_from(chance % OUTCOMES.len() as u64)?];
    let begin = json!({"order_id": id, "provider": "sandbox"});
    let begun = buyer
        .insist(Ask::post("payments/initiate/", &begin))
        .await?;
    let reference = begun["sandbox_reference"]
        .as_str()
        .context("no payment in the sandbox")?
        .to_owned();
    let path = format!("payments/sandbox/{reference}/");
    let steps: &[&str] = match outcome {
        "three_d_secure" => &["three_d_secure", "success"],
        _ => &[outcome],
    };
    for step in steps {
        let choice = json!({"outcome": step});
        match buyer.insist(Ask::post(&path, &choice)).await {
            // Decided before, when the answer was lost.
            Err(error) if error.to_string().contains("invalid_transition") => {}
            other => drop(other?),
        }
    }
    Ok(Placed {
        id,
        outcome: outcome.to_owned(),
        reference,
    })
}

/// What of an order does not agree with the sandbox's book.
pub(super) async fn compare(boss: &mut Caller, placed: &Placed) -> Result<Option<String>> {
    let (id, reference) = (placed.id, &placed.reference);
    let order = boss.expect(Ask::get(&format!("orders/{id}/"))).await?;
    let page = boss
        .expect(Ask::get(&format!("payments/?order={id}")))
        .await?;
    let theirs = boss
        .expect(Ask::get(&format!("payments/sandbox/{reference}/")))
        .await?;
    let ours: Vec<&Value> = page["results"].as_array().into_iter().flatten().collect();
    let counted = ours
        .iter()
        .filter(|one| one["status"] == "succeeded")
        .count();
    let fits = theirs["status"] == "captured" && theirs["captured"] == theirs["amount"];
    let wanted = match theirs["status"].as_str() {
        Some("captured") if fits => ("paid", "succeeded", 1),
        Some("captured") => ("pending", "flagged", 0),
        _ => ("failed", "failed", 0),
    };
    let stands = (
        order["payment_status"].as_str().unwrap_or_default(),
        ours.first()
            .and_then(|one| one["status"].as_str())
            .unwrap_or_default(),
        counted,
    );
    Ok((ours.len() != 1 || stands != wanted).then(|| {
        format!(
            "{stands:?} of {} payments here, {wanted:?} by the sandbox",
            ours.len()
        )
    }))
}
