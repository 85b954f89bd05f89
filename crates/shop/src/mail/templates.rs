//! The words of mails: for each one `NAME.txt`, whose first line is `Subject: …`, and `NAME.html`.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;

macro_rules! templates {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal),* $(,)?) => {
        /// The mails that there are. The name stands in the queue and names the files.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Template { $($(#[doc = $doc])* #[serde(rename = $name)] $variant),* }

        impl Template {
            pub const ALL: &[Template] = &[$(Template::$variant),*];

            pub fn name(self) -> &'static str {
                match self { $(Template::$variant => $name),* }
            }
        }

        const BUILT_IN: &[(&str, &str)] = &[
            ("layout.html", include_str!("templates/layout.html")),
            $((concat!($name, ".txt"), include_str!(concat!("templates/", $name, ".txt"))),
            (concat!($name, ".html"), include_str!(concat!("templates/", $name, ".html"))),)*
        ];
    };
}

templates! {
    /// `link`, `hours`
    VerifyEmail = "verify_email",
    /// `link`, `minutes`, `address`: where it was asked for
    ResetPassword = "reset_password",
    /// `link`, `hours`
    ChangeEmail = "change_email",
    /// To the address before: `email`, the new one
    EmailChanged = "email_changed",
    /// `at`
    PasswordChanged = "password_changed",
}

/// A template with its values.
#[derive(Debug)]
pub(super) struct Filled {
    pub subject: String,
    pub text: String,
    pub html: String,
}

pub(super) struct Templates(Environment<'static>);

impl Templates {
    /// Those built in, and those that `EMAIL_TEMPLATES` has instead.
    ///
    /// # Errors
    /// A file there is faulty, or has no name of a template.
    pub(super) fn new(config: &Config) -> anyhow::Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| match name.ends_with(".html") {
            true => AutoEscape::Html,
            false => AutoEscape::None,
        });
        environment.add_global("shop", crate::SHOP_NAME);
        environment.add_global("public_url", &*config.public_url);
        let storefront = config.storefront_url.as_deref();
        environment.add_global("shop_url", storefront.unwrap_or(&config.public_url));
        for (name, source) in BUILT_IN {
            environment.add_template(name, source)?;
        }
        if let Some(folder) = &config.email_templates {
            add_own(&mut environment, folder)
                .with_context(|| format!("EMAIL_TEMPLATES={}", folder.display()))?;
        }
        Ok(Templates(environment))
    }

    pub(super) fn fill(&self, template: Template, values: &Value) -> anyhow::Result<Filled> {
        let name = template.name();
        let render = |name: String| -> anyhow::Result<String> {
            let template = self.0.get_template(&name)?;
            Ok(template.render(Serde(values))?)
        };
        let text = render(format!("{name}.txt"))?;
        let first = text.lines().next().unwrap_or_default();
        let subject = first
            .strip_prefix("Subject:")
            .ok_or_else(|| anyhow!("{name}.txt does not begin with `Subject:`"))?;
        Ok(Filled {
            subject: subject.trim().to_owned(),
            text: text[first.len()..].trim_start().to_owned(),
            html: render(format!("{name}.html"))?,
        })
    }
}

fn add_own(environment: &mut Environment<'static>, folder: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.filter(|name| !name.starts_with('.')) else {
            continue;
        };
        if !BUILT_IN.iter().any(|(known, _)| *known == name) {
            let known: Vec<_> = BUILT_IN.iter().map(|(known, _)| *known).collect();
            bail!("{name} is no template; there are {}", known.join(", "));
        }
        let source = std::fs::read_to_string(&path).with_context(|| name.to_owned())?;
        if name.ends_with(".txt") && !source.starts_with("Subject:") {
            bail!("{name} does not begin with `Subject:`");
        }
        environment.add_template_owned(name.to_owned(), source)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(folder: Option<&Path>) -> Config {
        let mut config = Config::for_tests();
        config.email_templates = folder.map(Path::to_owned);
        config
    }

    fn values() -> Value {
        json!({"link": "https://shop.test/x?a=1&b=2", "hours": 24, "minutes": 60, "address": "203.0.113.9",
            "email": "<b>@example.org", "at": "2026-03-01T12:00:00Z"})
    }

    #[test]
    fn every_template_can_be_filled_in() {
        let templates = Templates::new(&config(None)).unwrap();
        for template in Template::ALL {
            let filled = templates.fill(*template, &values()).unwrap();
            assert!(!filled.subject.is_empty() && !filled.subject.contains('{'));
            assert!(filled.text.len() > 40 && filled.html.contains("</html>"));
            assert!(!filled.html.contains("<b>@"), "{}", filled.html);
        }
        let missing = templates.fill(Template::VerifyEmail, &json!({}));
        assert!(missing.is_err(), "a mail without its link is none");
    }

    #[test]
    fn a_folder_replaces_them_file_by_file() {
        let config = config(None);
        let folder = config.data_dir.join("templates");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join("verify_email.txt"),
            "Subject: Hello\n\nGo: {{ link }}",
        )
        .unwrap();
        let own = super::tests::config(Some(&folder));

        let templates = Templates::new(&own).unwrap();
        let filled = templates.fill(Template::VerifyEmail, &values()).unwrap();
        assert_eq!(
            (&*filled.subject, &*filled.text),
            ("Hello", "Go: https://shop.test/x?a=1&b=2")
        );
        assert!(
            filled.html.contains("Confirm"),
            "the other half is ours still"
        );

        for (name, source) in [
            ("verify_emial.txt", "Subject: x"),
            ("verify_email.txt", "no subject"),
            ("layout.html", "{{ open"),
        ] {
            let file = folder.join(name);
            std::fs::write(&file, source).unwrap();
            let error = format!("{:#}", Templates::new(&own).err().unwrap());
            assert!(
                error.contains("EMAIL_TEMPLATES=") && error.contains(name),
                "{error}"
            );
            std::fs::remove_file(&file).unwrap();
        }
    }
}
