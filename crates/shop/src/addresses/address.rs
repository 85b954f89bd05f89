//! An address, and what its owner may say of it.

use serde_json::json;

use crate::clock::Time;
use crate::ids::AddressId;
use crate::values::Country;

/// How many somebody may keep.
pub(super) const MOST: i64 = 50;

crate::words! {
    pub enum AddressType {
        Shipping = "shipping",
        Billing = "billing",
        Other = "other",
    }
}

db::record! {
    #[derive(Clone, Debug)]
    pub struct Address {
        pub id: AddressId,
        pub kind: AddressType,
        pub label: String,
        pub full_name: String,
        pub line1: String,
        pub line2: String,
        pub city: String,
        pub region: String,
        pub postal_code: String,
        /// ISO 3166-1 alpha-2.
        pub country: String,
        pub phone: String,
        pub is_default: bool,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

/// What to write; what is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub kind: Option<AddressType>,
    pub label: Option<String>,
    pub full_name: Option<String>,
    pub line1: Option<String>,
    pub line2: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country: Option<Country>,
    pub phone: Option<String>,
    pub is_default: Option<bool>,
}

impl Address {
    /// One that says nothing yet.
    pub(super) fn blank(now: Time) -> Self {
        Address {
            id: AddressId(0),
            kind: AddressType::Shipping,
            label: String::new(),
            full_name: String::new(),
            line1: String::new(),
            line2: String::new(),
            city: String::new(),
            region: String::new(),
            postal_code: String::new(),
            country: String::new(),
            phone: String::new(),
            is_default: false,
            created_at: now,
            updated_at: now,
        }
    }

    /// As it is after the change. One that moves to another type is not its default, unless it says so.
    pub(super) fn changed(mut self, change: Change, now: Time) -> Self {
        let set = |old: &mut String, new: Option<String>| {
            if let Some(new) = new {
                *old = new;
            }
        };
        set(&mut self.label, change.label);
        set(&mut self.full_name, change.full_name);
        set(&mut self.line1, change.line1);
        set(&mut self.line2, change.line2);
        set(&mut self.city, change.city);
        set(&mut self.region, change.region);
        set(&mut self.postal_code, change.postal_code);
        set(&mut self.country, change.country.map(String::from));
        set(&mut self.phone, change.phone);
        let kind = change.kind.unwrap_or(self.kind);
        let stays = self.is_default && kind == self.kind;
        self.is_default = change.is_default.unwrap_or(stays);
        self.kind = kind;
        self.updated_at = now;
        self
    }

    /// What an order keeps of it, as JSON.
    pub(super) fn copy(&self) -> String {
        let copy = json!({
            "full_name": self.full_name,
            "line1": self.line1,
            "line2": self.line2,
            "city": self.city,
            "region": self.region,
            "postal_code": self.postal_code,
            "country": self.country,
            "phone": self.phone,
        });
        copy.to_string()
    }
}
