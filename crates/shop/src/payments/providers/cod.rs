//! Cash on delivery: the buyer chooses it, staff takes the money at the door.

use super::by_hand::ByHand;
use crate::payments::payment::Provider;
use crate::payments::provider::Kind;

pub(crate) const NAME: Provider = Provider::named("cod");
pub(crate) const PROVIDER: ByHand = ByHand {
    name: NAME,
    kind: Kind::AtTheDoor,
};
