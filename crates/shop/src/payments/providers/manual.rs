//! Money that staff has by another way, such as a transfer to the bank.

use super::by_hand::ByHand;
use crate::payments::payment::Provider;
use crate::payments::provider::Kind;

pub(crate) const NAME: Provider = Provider::named("manual");
pub(crate) const PROVIDER: ByHand = ByHand {
    name: NAME,
    kind: Kind::Books,
};
