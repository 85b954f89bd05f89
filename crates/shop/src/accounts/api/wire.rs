//! What accounts answer, and texts that are judged together.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::accounts::account::{self, Account};
use crate::accounts::passwords;
use crate::accounts::sign_in::{Adjustments, CartAdjustment, Tokens};
use crate::clock::Time;
use crate::error::Fault;
use crate::http::extract::{Field, Node, Reader};
use crate::http::schema::Schemas;
use crate::ids::{ProductId, UserId, VariantId};

/// A text that must be there. Whether it is, and whether it will do, is judged with the rest of the account, so that
/// all faults stand in one answer; what can be said of it alone is remarked on, for when something else is unreadable.
macro_rules! judged_text {
    ($($name:ident $faults:expr, $schema:tt)*) => {$(
        pub(in crate::accounts) struct $name(pub(in crate::accounts) Option<String>);

        impl Field for $name {
            fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
                let text = String::read(node, reader)?;
                let faults: fn(&Reader, &str) -> Vec<Fault> = $faults;
                remark(reader, faults(reader, &text));
                Some($name(Some(text)))
            }

            fn absent(reader: &mut Reader) -> Option<Self> {
                reader.remark("required", "This field is required.");
                Some($name(None))
            }

            fn schema(_: &mut Schemas) -> Value {
                json!($schema)
            }
        }
    )*};
}
judged_text! {
    EmailText |_, text| account::parse_email(Some(text)).err().into_iter().collect(),
        {"type": "string", "format": "email", "maxLength": 254}
    PasswordText |reader, text| passwords::length_fault(reader.attr(), text).into_iter().collect(),
        {"type": "string", "format": "password", "writeOnly": true}
    NewPasswordText |reader, text| reader.app.accounts.rules.faults(reader.attr(), text, &[]),
        {"type": "string", "format": "password", "writeOnly": true}
}

/// What somebody tells of themselves, by the name of its field. Judged with the rest of the account, as those above.
pub(in crate::accounts) struct Told(pub(in crate::accounts) String);

impl Field for Told {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        let (attr, told) = (reader.attr(), text.trim());
        let faults = match attr {
            // What has an `@` may be the account's own address.
            "username" if told.contains('@') => account::username_fault(told, told),
            "username" => account::username_fault(told, ""),
            attr => account::text_faults([(attr, told)]).next(),
        };
        remark(reader, faults);
        Some(Told(text))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        String::schema(schemas)
    }
}

fn remark(reader: &mut Reader, faults: impl IntoIterator<Item = Fault>) {
    for fault in faults {
        reader.remark(fault.code, fault.detail);
    }
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
