//! The URLs of an initiate: callbackPrefix, fallBack and the two for Express.

use super::*;

#[test]
fn fall_back_is_https_or_a_custom_scheme() {
    for (url, want) in [
        ("https://shop.example/done?a=b#c", Ok(None)),
        ("HTTPS://shop.example", Ok(None)),
        ("myapp://", Ok(Some(Untranslatable::FallbackBare))),
        ("myapp:", Ok(Some(Untranslatable::FallbackBare))),
        ("myapp://paid", Ok(None)),
        ("my-app.v2+x://back?o=1", Ok(None)),
        ("INTENT", Ok(Some(Untranslatable::FallbackIntent))),
        ("http://shop.example", Err(())),
        ("HTTP://shop.example", Err(())),
        ("https:", Err(())),
        ("https://", Err(())),
        ("https:/shop.example", Err(())),
        ("intent", Err(())),
        ("shop.example", Err(())),
        ("/done", Err(())),
        ("1app://x", Err(())),
        ("my app://x", Err(())),
        ("://x", Err(())),
        ("", Err(())),
    ] {
        let got = checked(&with(body(), "merchantInfo.fallBack", Some(json!(url))));
        match want {
            Ok(reason) => {
                let command = got.unwrap();
                assert_eq!(command.untranslatable(), reason, "{url}");
                assert_eq!(created(&command).0["returnUrl"], url);
            }
            Err(()) => assert_eq!(codes(&got.unwrap_err()), ["merchantInfo.fallBack"], "{url}"),
        }
    }
}

#[test]
fn callback_prefixes_are_https_and_http_only_to_private_hosts_where_allowed() {
    for (url, https_only, http_allowed) in [
        ("https://shop.example/cb/", true, true),
        ("HTTPS://shop.example", true, true),
        ("https://shop.example/?tk=1&callback=", true, true),
        ("https://10.0.0.1/cb", true, true),
        ("http://localhost:8080/cb", false, true),
        ("http://127.0.0.1/cb", false, true),
        ("http://10.1.2.3:80/cb", false, true),
        ("http://172.16.0.1/", false, true),
        ("http://192.168.1.1/", false, true),
        ("http://[::1]:8080/", false, true),
        ("http://[fd00::1]/", false, true),
        ("http://shop:8080/cb", false, true),
        ("http://shop.example/cb", false, false),
        ("http://8.8.8.8/", false, false),
        ("http://172.32.0.1/", false, false),
        ("http://169.254.169.254/", false, false),
        ("http://[2001:db8::1]/", false, false),
        ("http://127.0.0.1@shop.example/", false, false),
        // 8.8.8.8, written as one number.
        ("http://134744072/", false, false),
        ("http://0x08080808/", false, false),
        ("ftp://localhost/", false, false),
        ("https://", false, false),
        ("shop.example", false, false),
        ("", false, false),
        ("høttps://shop.example", false, false),
    ] {
        for (allow, want) in [(false, https_only), (true, http_allowed)] {
            let rules = Rules {
                allow_http_callbacks: allow,
                ..RULES()
            };
            for name in [
                "merchantInfo.callbackPrefix",
                "merchantInfo.consentRemovalPrefix",
                "merchantInfo.shippingDetailsPrefix",
            ] {
                // The two prefixes for Express may be empty: some clients always send them.
                let want = want || (url.is_empty() && name != "merchantInfo.callbackPrefix");
                let got = check(&read(&with(body(), name, Some(json!(url)))), None, &rules);
                match got {
                    Ok(_) => assert!(want, "{name} {url} {allow}"),
                    Err(failure) => {
                        assert_eq!(codes(&failure), [name]);
                        assert!(!want, "{name} {url} {allow}");
                    }
                }
            }
        }
    }
}

#[test]
fn lengths_count_characters_up_to_255() {
    for (name, start) in [
        ("merchantInfo.callbackPrefix", "https://shop.example/"),
        ("merchantInfo.consentRemovalPrefix", "https://shop.example/"),
        (
            "merchantInfo.shippingDetailsPrefix",
            "https://shop.example/",
        ),
        ("merchantInfo.fallBack", "https://shop.example/"),
        ("merchantInfo.authToken", ""),
    ] {
        let of = |length: usize| json!(format!("{start}{}", "ø".repeat(length - start.len())));
        assert_eq!(refused(name, Some(of(255))), [""; 0], "{name}");
        assert_eq!(refused(name, Some(of(256))), [name]);
    }
}

#[test]
fn an_empty_auth_token_is_none() {
    for token in [None, Some(json!(null)), Some(json!(""))] {
        let command = checked(&with(body(), "merchantInfo.authToken", token)).unwrap();
        assert!(command.auth_token.is_none());
    }
}
