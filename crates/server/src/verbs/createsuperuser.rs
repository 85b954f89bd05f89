//! `cartwright createsuperuser`: makes an admin, from flags and settings, else by asking at a terminal.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use serde_json::json;
use shop::{
    accounts::{NewSuperuser, create_superuser},
    config::Config,
};

use crate::{output, shop_at};

pub(super) async fn run(config: Config, no_input: bool, json: bool) -> anyhow::Result<ExitCode> {
    let given = config.superuser.clone();
    // The shop first: nobody should think of a password for a shop that does not open.
    let app = shop_at::open(config).await?;
    let ask = !no_input && std::io::stdin().is_terminal();
    let email = match given.email {
        Some(email) => email,
        None if ask => prompt("Email: ")?,
        None => anyhow::bail!(missing(
            "email address",
            "--email",
            "CARTWRIGHT_SUPERUSER_EMAIL"
        )),
    };
    let password = match given.password {
        Some(password) => password.expose().to_owned(),
        None if ask => prompt_password()?,
        None => anyhow::bail!(missing(
            "password",
            "--password",
            "CARTWRIGHT_SUPERUSER_PASSWORD"
        )),
    };
    let new = NewSuperuser {
        email: &email,
        password: &password,
        username: given.username.as_deref(),
    };
    let id = create_superuser(&app, &new).await.map_err(refused)?;
    if json {
        output::json(&json!({"id": id, "email": email}));
    } else {
        output::line(format!("{email} is an admin now (user {id})."));
    }
    Ok(ExitCode::SUCCESS)
}

fn missing(what: &str, flag: &str, variable: &str) -> String {
    format!(
        "No {what} was given.\nNothing is asked with --no-input, or without a terminal.\nGive {flag}, or set {variable}."
    )
}

fn refused(error: shop::error::Error) -> anyhow::Error {
    let faults: Vec<_> = error
        .fields()
        .iter()
        .map(|f| format!("{}: {}", f.attr, f.detail))
        .collect();
    if faults.is_empty() {
        return error.into();
    }
    anyhow::anyhow!(
        "No admin was made.\n{}\nCorrect it and try again.",
        faults.join(" ")
    )
}

fn prompt(question: &str) -> anyhow::Result<String> {
    let mut answer = String::new();
    print!("{question}");
    std::io::stdout().flush()?;
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

fn prompt_password() -> anyhow::Result<String> {
    loop {
        let password = rpassword::prompt_password("Password: ")?;
        if rpassword::prompt_password("Password (again): ")? == password {
            return Ok(password);
        }
        output::line("The two are not the same.");
    }
}
