//! Every path that is the same as another: both bases, the optional trailing slash, and the paths that the documents
//! of other shops print. Rewritten before routing, never redirected. Here, and nowhere else, stands too how a wrong
//! login is answered under which path.

use axum::http::{Method, Uri};

/// The base of all routes and of the API document.
pub const BASE: &str = "/api/v1";

/// Where a request goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The path of a route, when it is not the one asked for.
    pub path: Option<String>,
    /// The method of that route, when it is another.
    pub method: Option<Method>,
    pub via: Via,
    /// The path is nothing but an alias, and not one of this method.
    pub other_methods_only: bool,
}

/// What a handler may want to know of the path that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Via {
    /// Asked for below `admin/`: for admins only, and shows what is hidden from others.
    pub admin: bool,
    /// A wrong login is 400 here, as a document prints it; elsewhere 401.
    pub login_as_400: bool,
}

/// The address that was asked for, when it was rewritten.
#[derive(Clone)]
pub struct Asked(pub Uri);

struct Alias {
    methods: &'static [&'static str],
    from: &'static str,
    to: &'static str,
    as_method: Option<Method>,
    /// A word where routes have a parameter: other methods do not mean an object of that name.
    stands_alone: bool,
}

const fn alias(methods: &'static [&'static str], from: &'static str, to: &'static str) -> Alias {
    Alias {
        methods,
        from,
        to,
        as_method: None,
        stands_alone: false,
    }
}

const fn alone(methods: &'static [&'static str], from: &'static str, to: &'static str) -> Alias {
    Alias {
        methods,
        from,
        to,
        as_method: None,
        stands_alone: true,
    }
}

const GET: &[&str] = &["GET"];
const POST: &[&str] = &["POST"];
const PATCH: &[&str] = &["PATCH"];
const DELETE: &[&str] = &["DELETE"];
const LIST: &[&str] = &["GET", "POST"];
const PROFILE: &[&str] = &["GET", "PUT", "PATCH"];
const ITEM: &[&str] = &["GET", "PUT", "PATCH", "DELETE"];

/// `{id}` stands for digits, `{any}` for anything.
const ALIASES: &[Alias] = &[
    // Accounts
    alias(POST, "users/register", "auth/register"),
    alias(POST, "token", "auth/login"),
    alias(POST, "auth/token/refresh", "auth/refresh"),
    alias(POST, "token/refresh", "auth/refresh"),
    alias(POST, "auth/token/verify", "token/verify"),
    alias(POST, "users/logout", "auth/logout"),
    alias(PROFILE, "users/profile", "auth/profile"),
    alias(PROFILE, "users/me", "auth/profile"),
    alias(POST, "auth/forgot-password", "auth/password-reset"),
    alias(POST, "auth/reset-password", "auth/password-reset/confirm"),
    Alias {
        methods: POST,
        from: "auth/sessions/{id}/deactivate",
        to: "auth/sessions/{id}",
        as_method: Some(Method::DELETE),
        stands_alone: false,
    },
    alias(LIST, "users/me/addresses", "addresses"),
    alias(ITEM, "users/me/addresses/{id}", "addresses/{id}"),
    alias(
        POST,
        "users/me/addresses/{id}/default",
        "addresses/{id}/default",
    ),
    // Catalog
    alias(GET, "admin/categories", "categories/all"),
    alias(POST, "admin/categories", "categories"),
    alias(ITEM, "admin/categories/{any}", "categories/{any}"),
    alias(LIST, "admin/products", "products"),
    alias(ITEM, "admin/products/{any}", "products/{any}"),
    alias(POST, "admin/products/{any}/images", "products/{any}/images"),
    alias(
        DELETE,
        "admin/products/{any}/images/{id}",
        "products/{any}/images/{id}",
    ),
    alias(GET, "analytics", "products/analytics"),
    alias(GET, "analytics/sales", "orders/sales_report"),
    // Cart and orders
    alias(POST, "cart", "cart/items"),
    alias(POST, "cart/add", "cart/items"),
    alias(DELETE, "cart", "cart/clear"),
    alias(ITEM, "cart/{id}", "cart/items/{id}"),
    alias(GET, "admin/orders/export", "orders/export"),
    alone(POST, "orders/create", "orders"),
    alone(POST, "orders/create_order", "orders"),
    alias(PATCH, "orders/{any}/status", "orders/{any}/update_status"),
];

/// Paths that also answer without any base: the index, and for those who watch over the process.
const AT_THE_ROOT: &[&str] = &["", "health", "livez", "readyz"];

/// The route that a request is meant for.
pub fn resolve(method: &Method, path: &str) -> Target {
    let Some(tail) = tail_of(path) else {
        return Target::default();
    };
    let trimmed = tail.trim_matches('/');
    let mut target = Target {
        via: via(path, trimmed),
        ..Target::default()
    };
    if let Some((alias, to)) = find(method.as_str(), trimmed) {
        target.method.clone_from(&alias.as_method);
        target.path = Some(format!("{BASE}/{to}/"));
    } else if stands_alone(trimmed) {
        target.other_methods_only = true;
    } else if !(path.starts_with(BASE) && keeps_its_form(tail)) {
        target.path = Some(format!("{BASE}{}", with_slash(tail)));
    }
    target
}

fn stands_alone(tail: &str) -> bool {
    ALIASES
        .iter()
        .any(|alias| alias.stands_alone && alias.from == tail)
}

/// The path below the base, as links to other pages of a list have it: `/products/`.
pub fn tail(path: &str) -> String {
    with_slash(tail_of(path).unwrap_or(path))
}

/// The same without its last slash: `/products`.
pub fn name(path: &str) -> &str {
    let tail = tail_of(path).unwrap_or(path);
    tail.strip_suffix('/').unwrap_or(tail)
}

/// All of them: the methods, the path and that of the route, both below the base.
pub fn all() -> impl Iterator<Item = (&'static [&'static str], &'static str, &'static str)> {
    ALIASES
        .iter()
        .map(|alias| (alias.methods, alias.from, alias.to))
}

/// The methods that aliases give to a path, beyond those of the route of the same name.
pub fn methods_at(path: &str) -> Vec<&'static str> {
    let trimmed = tail_of(path).unwrap_or("").trim_matches('/');
    let all = ALIASES
        .iter()
        .filter(|alias| fill(alias.from, trimmed, alias.to).is_some());
    all.flat_map(|alias| alias.methods.iter().copied())
        .collect()
}

fn via(path: &str, tail: &str) -> Via {
    Via {
        admin: tail.starts_with("admin/"),
        login_as_400: tail == "auth/login" && path.starts_with(BASE),
    }
}

fn tail_of(path: &str) -> Option<&str> {
    let below = |base: &str| {
        path.strip_prefix(base)
            .filter(|tail| tail.is_empty() || tail.starts_with('/'))
    };
    let at_the_root = || {
        AT_THE_ROOT
            .contains(&path.trim_matches('/'))
            .then_some(path)
    };
    below(BASE).or_else(|| below("/api")).or_else(at_the_root)
}

fn with_slash(tail: &str) -> String {
    if keeps_its_form(tail) {
        tail.to_owned()
    } else {
        format!("{tail}/")
    }
}

/// It has its slash, or its last part has a dot and names a file.
fn keeps_its_form(tail: &str) -> bool {
    tail.ends_with('/')
        || tail
            .rsplit('/')
            .next()
            .is_some_and(|last| last.contains('.'))
}

fn find(method: &str, tail: &str) -> Option<(&'static Alias, String)> {
    let method = if method == "HEAD" { "GET" } else { method };
    ALIASES
        .iter()
        .filter(|alias| alias.methods.contains(&method))
        .find_map(|alias| Some((alias, fill(alias.from, tail, alias.to)?)))
}

/// `to` with the parts that `tail` has where `from` has braces; `None` when it does not match.
fn fill(from: &str, tail: &str, to: &str) -> Option<String> {
    let (mut id, mut any) = ("", "");
    let (mut parts, mut given) = (from.split('/'), tail.split('/'));
    loop {
        match (parts.next(), given.next()) {
            (None, None) => return Some(to.replace("{id}", id).replace("{any}", any)),
            (Some("{id}"), Some(part))
                if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) =>
            {
                id = part
            }
            (Some("{any}"), Some(part)) if !part.is_empty() => any = part,
            (Some(part), Some(given)) if part == given => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_to(method: &str, path: &str) -> String {
        let method: Method = method.parse().unwrap();
        let target = resolve(&method, path);
        format!(
            "{} {}",
            target.method.unwrap_or(method),
            target.path.as_deref().unwrap_or(path)
        )
    }

    #[test]
    fn both_bases_and_both_spellings_are_one_route() {
        for path in [
            "/api/v1/products/",
            "/api/v1/products",
            "/api/products/",
            "/api/products",
        ] {
            assert_eq!(goes_to("GET", path), "GET /api/v1/products/", "{path}");
        }
        assert_eq!(
            resolve(&Method::GET, "/api/v1/products/"),
            Target::default()
        );
        assert_eq!(
            goes_to("GET", "/api/docs/swagger-ui.css"),
            "GET /api/v1/docs/swagger-ui.css"
        );
        assert_eq!(goes_to("GET", "/livez"), "GET /api/v1/livez/");
        assert_eq!(goes_to("GET", "/"), "GET /api/v1/");
        assert_eq!(goes_to("GET", "/products/"), "GET /products/");
        assert_eq!(goes_to("GET", "/apiv1/products"), "GET /apiv1/products");
    }

    #[test]
    fn printed_paths_find_their_route() {
        for (method, path, expected) in [
            (
                "POST",
                "/api/users/register/",
                "POST /api/v1/auth/register/",
            ),
            ("POST", "/api/token/", "POST /api/v1/auth/login/"),
            (
                "POST",
                "/api/auth/token/refresh/",
                "POST /api/v1/auth/refresh/",
            ),
            ("GET", "/api/users/me", "GET /api/v1/auth/profile/"),
            (
                "POST",
                "/api/v1/auth/sessions/7/deactivate/",
                "DELETE /api/v1/auth/sessions/7/",
            ),
            ("POST", "/api/admin/categories/", "POST /api/v1/categories/"),
            (
                "GET",
                "/api/admin/categories/",
                "GET /api/v1/categories/all/",
            ),
            ("PUT", "/api/admin/products/3/", "PUT /api/v1/products/3/"),
            ("POST", "/api/cart/", "POST /api/v1/cart/items/"),
            ("GET", "/api/cart/", "GET /api/v1/cart/"),
            ("DELETE", "/api/cart/", "DELETE /api/v1/cart/clear/"),
            ("DELETE", "/api/cart/5/", "DELETE /api/v1/cart/items/5/"),
            ("DELETE", "/api/cart/clear/", "DELETE /api/v1/cart/clear/"),
            ("POST", "/api/cart/add/", "POST /api/v1/cart/items/"),
            ("POST", "/api/orders/create/", "POST /api/v1/orders/"),
            ("POST", "/api/orders/create_order/", "POST /api/v1/orders/"),
            (
                "PATCH",
                "/api/orders/9/status/",
                "PATCH /api/v1/orders/9/update_status/",
            ),
            (
                "HEAD",
                "/api/analytics/",
                "HEAD /api/v1/products/analytics/",
            ),
        ] {
            assert_eq!(goes_to(method, path), expected);
        }
    }

    #[test]
    fn a_word_for_writing_is_no_name_of_an_order() {
        let refused = |method, path| resolve(&method, path).other_methods_only;
        for path in ["/api/orders/create/", "/api/v1/orders/create_order"] {
            assert!(
                refused(Method::GET, path) && !refused(Method::POST, path),
                "{path}"
            );
        }
        assert!(!refused(Method::GET, "/api/orders/7/"));
    }

    #[test]
    fn a_wrong_login_is_400_at_one_path_only() {
        let as_400 = |path| resolve(&Method::POST, path).via.login_as_400;
        assert!(as_400("/api/v1/auth/login/") && as_400("/api/v1/auth/login"));
        assert!(!as_400("/api/auth/login/") && !as_400("/api/token/") && !as_400("/api/v1/token/"));
    }

    #[test]
    fn what_aliases_add_to_a_path_is_known() {
        assert_eq!(methods_at("/api/token/"), ["POST"]);
        assert_eq!(methods_at("/api/cart/"), ["POST", "DELETE"]);
        assert!(methods_at("/api/v1/products/").is_empty());
    }
}
