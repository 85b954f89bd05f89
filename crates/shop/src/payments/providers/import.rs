//! History: money that was taken before the shop came here, by whoever kept it then.

use super::by_hand::ByHand;
use crate::payments::payment::Provider;
use crate::payments::provider::Kind;

pub(crate) const NAME: Provider = Provider::named("import");
pub(crate) const PROVIDER: ByHand = ByHand {
    name: NAME,
    kind: Kind::Books,
};
