//! A new secret for somebody's device. It counts when a code of it is confirmed.

use qrcode::QrCode;
use qrcode::render::svg;

use super::{store, totp};
use crate::accounts::prove_again::{Proof, prove_again};
use crate::app::App;
use crate::caller::{Client, User};
use crate::error::{Code, Error, Result};
use crate::transact;

/// Pixels of the QR code, at least.
const SIDE: u32 = 240;

/// What the device has to know, in three forms.
pub(super) struct Enrolment {
    /// Base32.
    pub secret: String,
    pub uri: String,
    /// An SVG document.
    pub qr_code: String,
}

/// Makes a secret, in place of one that was not confirmed.
///
/// # Errors
/// As [`prove_again`]; `duplicate` when there is a second factor already.
pub(super) async fn enrol(
    app: &App,
    user: User,
    client: &Client,
    proof: &Proof,
) -> Result<Enrolment> {
    let account = prove_again(app, user, client, proof).await?;
    let secret = crate::accounts::tokens::random_bytes::<{ totp::SECRET }>()?;
    let sealed = app.accounts.seals.seal(user.id, &secret)?;
    let now = app.clock.now();
    transact!(app.db, tx => {
        match store::put_secret(tx, user.id, &sealed, now).await? {
            true => Ok(()),
            false => Err(Code::Duplicate.with("There is a second factor already. Disable it first.")),
        }
    })?;
    let uri = totp::uri(&secret, crate::SHOP_NAME, &account.email);
    Ok(Enrolment {
        secret: totp::secret_text(&secret),
        qr_code: qr_code(&uri)?,
        uri,
    })
}

fn qr_code(uri: &str) -> Result<String> {
    let code = QrCode::new(uri).map_err(Error::internal)?;
    Ok(code
        .render::<svg::Color<'_>>()
        .min_dimensions(SIDE, SIDE)
        .build())
}
