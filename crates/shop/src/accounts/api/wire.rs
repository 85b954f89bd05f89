//! What accounts answer, and texts that are judged together.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::accounts::account::Account;
use crate::accounts::sign_in::{Adjustments, CartAdjustment, Tokens};
use crate::clock::Time;
use crate::http::extract::{Field, Node, Reader};
use crate::http::schema::Schemas;
use crate::ids::{ProductId, UserId, VariantId};

/// A text that must be there. Whether it is, and whether it will do, is judged with the rest of the account, so that
/// all faults stand in one answer.
macro_rules! judged_text {
    ($($name:ident $schema:tt)*) => {$(
        pub(in crate::accounts) struct $name(pub(in crate::accounts) Option<String>);

        impl Field for $name {
            fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
                String::read(node, reader).map(|text| $name(Some(text)))
            }

            fn absent(_: &mut Reader) -> Option<Self> {
                Some($name(None))
            }

            fn schema(_: &mut Schemas) -> Value {
                json!($schema)
            }
        }
    )*};
}
judged_text! {
    EmailText {"type": "string", "format": "email", "maxLength": 254}
    PasswordText {"type": "string", "format": "password", "writeOnly": true}
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileOut {
    id: UserId,
    email: String,
    username: Option<String>,
    first_name: String,
    last_name: String,
    name: String,
    phone: String,
    address: String,
    /// `admin` or `customer`.
    role: &'static str,
    email_verified: bool,
    date_joined: Time,
}

impl From<&Account> for ProfileOut {
    fn from(account: &Account) -> Self {
        ProfileOut {
            id: account.id,
            email: account.email.clone(),
            username: account.username.clone(),
            first_name: account.first_name.clone(),
            last_name: account.last_name.clone(),
            name: account.name(),
            phone: account.phone.clone(),
            address: account.address.clone(),
            role: account.role.as_str(),
            email_verified: account.email_verified_at.is_some(),
            date_joined: account.created_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(in crate::accounts) struct TokensOut {
    access: String,
    refresh: String,
}

impl From<Tokens> for TokensOut {
    fn from(Tokens { access, refresh }: Tokens) -> Self {
        TokensOut { access, refresh }
    }
}

#[derive(Serialize, ToSchema)]
pub(in crate::accounts) struct RegisteredOut {
    pub(super) user: ProfileOut,
    pub(super) message: &'static str,
    /// Absent when the email address has to be verified first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tokens: Option<TokensOut>,
    /// What could not be taken over from the guest's cart.
    pub(super) cart_adjustments: Vec<CartAdjustmentOut>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::accounts) struct SignedInOut {
    pub(super) access: String,
    pub(super) refresh: String,
    pub(super) user: ProfileOut,
    /// What could not be taken over from the guest's cart.
    pub(super) cart_adjustments: Vec<CartAdjustmentOut>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::accounts) struct CartAdjustmentOut {
    product_id: ProductId,
    variant_id: VariantId,
    product_name: String,
    /// What both carts held together.
    requested: i64,
    /// What the cart holds now; 0 when the line is gone.
    quantity: i64,
    reason: String,
}

pub(in crate::accounts) fn adjustments(adjustments: Adjustments) -> Vec<CartAdjustmentOut> {
    let out = |a: CartAdjustment| CartAdjustmentOut {
        product_id: a.product_id,
        variant_id: a.variant_id,
        product_name: a.product_name,
        requested: a.requested,
        quantity: a.quantity,
        reason: a.reason,
    };
    adjustments.into_iter().map(out).collect()
}

#[derive(Serialize, ToSchema)]
pub(in crate::accounts) struct VerifiedOut {
    pub(super) valid: bool,
}

#[derive(Serialize, ToSchema)]
pub(in crate::accounts) struct MessageOut {
    pub(in crate::accounts) message: &'static str,
}
