//! Members by presence and type, the MSN's two places, order ids, airline data, payment types.

use super::*;

#[test]
fn required_members_are_named_when_missing_null_or_of_another_type() {
    for name in ["customerInfo", "merchantInfo", "transaction"] {
        for value in [
            None,
            Some(json!(null)),
            Some(json!([])),
            Some(json!("x")),
            Some(json!(1)),
        ] {
            assert_eq!(refused(name, value), [name]);
        }
    }
    for name in [
        "merchantInfo.callbackPrefix",
        "merchantInfo.fallBack",
        "merchantInfo.merchantSerialNumber",
        "transaction.orderId",
        "transaction.amount",
    ] {
        for value in [
            None,
            Some(json!(null)),
            Some(json!(true)),
            Some(json!([])),
            Some(json!({})),
        ] {
            assert_eq!(refused(name, value.clone()), [name], "{value:?}");
        }
    }
}

#[test]
fn optional_members_may_be_null_or_absent_but_of_no_other_type() {
    for (name, wrong) in [
        ("customerInfo.mobileNumber", json!(false)),
        ("merchantInfo.authToken", json!(5)),
        ("merchantInfo.isApp", json!("true")),
        ("merchantInfo.isApp", json!(1)),
        ("merchantInfo.consentRemovalPrefix", json!(5)),
        ("merchantInfo.shippingDetailsPrefix", json!([])),
        ("transaction.skipLandingPage", json!("true")),
        ("transaction.skipLandingPage", json!(0)),
        ("transaction.scope", json!(["name"])),
        ("transaction.additionalData", json!("KL")),
        ("transaction.additionalData", json!([])),
    ] {
        assert_eq!(
            refused(name, Some(json!(null))),
            [""; 0],
            "{name} may be null"
        );
        assert_eq!(refused(name, None), [""; 0], "{name} may be absent");
        assert_eq!(refused(name, Some(wrong.clone())), [name], "{name} {wrong}");
    }
}

#[test]
fn unknown_members_are_tolerated_everywhere() {
    for path in [
        "extra",
        "customerInfo.extra",
        "merchantInfo.extra",
        "transaction.extra",
    ] {
        assert_eq!(refused(path, Some(json!({"a": [1, null]}))), [""; 0]);
    }
}

#[test]
fn everything_that_is_wrong_is_named_in_one_answer() {
    let bad = json!({
        "customerInfo": { "mobileNumber": false },
        "merchantInfo": {
            "merchantSerialNumber": "12", "callbackPrefix": "ftp://x", "fallBack": "nowhere",
            "authToken": 1, "isApp": "yes", "consentRemovalPrefix": "http://x",
            "shippingDetailsPrefix": "x"
        },
        "transaction": {
            "amount": 1, "orderId": "", "transactionText": 1, "skipLandingPage": "no", "scope": 1,
            "additionalData": {}
        }
    });
    let failure = checked(&bad).unwrap_err();
    let mut named = codes(&failure);
    named.sort_unstable();
    insta::assert_snapshot!(named.join("\n"), @r"
    customerInfo.mobileNumber
    merchantInfo.authToken
    merchantInfo.callbackPrefix
    merchantInfo.consentRemovalPrefix
    merchantInfo.fallBack
    merchantInfo.isApp
    merchantInfo.merchantSerialNumber
    merchantInfo.shippingDetailsPrefix
    transaction.additionalData.agencyInvoiceNumber
    transaction.additionalData.airlineCode
    transaction.additionalData.airlineDesignatorCode
    transaction.additionalData.passengerName
    transaction.amount
    transaction.orderId
    transaction.scope
    transaction.skipLandingPage
    transaction.transactionText
    ");
    // A part that is missing does not hide what is wrong with the others.
    let failure = checked(&with(bad.clone(), "customerInfo", None)).unwrap_err();
    assert_eq!(failure.entries.len(), named.len());
    let failure = checked(&with(bad, "merchantInfo", None)).unwrap_err();
    assert!(codes(&failure).contains(&"merchantInfo"));
    assert!(codes(&failure).contains(&"transaction.additionalData.passengerName"));
    assert!(!codes(&failure).contains(&"merchantInfo.fallBack"));
    let mut named = codes(&checked(&json!({})).unwrap_err()).join(" ");
    assert_eq!(named, "customerInfo merchantInfo transaction");
    // A number that error 81 would be for is not worth an answer of its own beside these.
    named = codes(
        &checked(&json!({"customerInfo": {"mobileNumber": "1"}, "merchantInfo": {}})).unwrap_err(),
    )
    .join(" ");
    assert!(!named.contains("81") && named.contains("merchantInfo.fallBack"));
}

#[test]
fn the_msn_of_body_and_header_must_agree() {
    const NAME: &str = "merchantInfo.merchantSerialNumber";
    const HEADER: &str = "Merchant-Serial-Number";
    for (said, header, want) in [
        (Some(json!("123456")), None, Ok("123456")),
        (Some(json!(123_456)), None, Ok("123456")),
        (Some(json!(" 123456 ")), None, Ok("123456")),
        (Some(json!("1234")), None, Ok("1234")),
        (Some(json!("1234567")), None, Ok("1234567")),
        (Some(json!("123456")), Some("123456"), Ok("123456")),
        (Some(json!(123_456)), Some(" 123456"), Ok("123456")),
        (Some(json!("123456")), Some(""), Ok("123456")),
        // The body says who is paid: the header does not stand in for a required member.
        (None, Some("654321"), Err(NAME)),
        (Some(json!(null)), Some("654321"), Err(NAME)),
        (Some(json!("123456")), Some("654321"), Err(NAME)),
        (Some(json!("123456")), Some("x"), Err(NAME)),
        (Some(json!("123")), None, Err(NAME)),
        (Some(json!("12345678")), Some("12345678"), Err(NAME)),
        (Some(json!("12345a")), None, Err(NAME)),
        (Some(json!(123_456.5)), None, Err(NAME)),
        (Some(json!(-12345)), None, Err(NAME)),
        (Some(json!(true)), Some("123456"), Err(NAME)),
        (None, None, Err(NAME)),
        (None, Some(" "), Err(NAME)),
        (None, Some("12 34"), Err(HEADER)),
    ] {
        let asked: InitiatePayment = read(&with(body(), NAME, said.clone()));
        let got = check(&asked, header, &RULES());
        let got = got.as_ref().map(|c| c.msn.as_str()).map_err(codes);
        match want {
            Ok(msn) => assert_eq!(got, Ok(msn), "{said:?} {header:?}"),
            // Without any usable header the body's member is named as well.
            Err(name) => assert_eq!(got.unwrap_err()[0], name, "{said:?} {header:?}"),
        }
    }
}

#[test]
fn order_ids_are_taken_as_written_or_refused_or_left_to_ecom() {
    let fifty = "a".repeat(50);
    let wide = "ø".repeat(50);
    for (written, want) in [
        (json!("order-1234"), Ok(None)),
        (json!("a"), Ok(None)),
        (json!("ABCdef-9"), Ok(None)),
        (json!(1_234_567_890_123_i64), Ok(None)),
        (json!(fifty), Ok(None)),
        (json!("ecom-id-12345678"), Ok(None)),
        (json!("ecom-id-1"), Ok(Some(Untranslatable::OrderCollides))),
        (
            json!("ecom-id-1234567"),
            Ok(Some(Untranslatable::OrderCollides)),
        ),
        (json!("a_b"), Ok(Some(Untranslatable::OrderCharacters))),
        (json!("a.b"), Ok(Some(Untranslatable::OrderCharacters))),
        (json!("a/b"), Ok(Some(Untranslatable::OrderCharacters))),
        (json!("a b"), Ok(Some(Untranslatable::OrderCharacters))),
        (json!(wide), Ok(Some(Untranslatable::OrderCharacters))),
        (json!(""), Err(())),
        (json!("a".repeat(51)), Err(())),
        (json!("a\nb"), Err(())),
        (json!(1.5), Err(())),
        (json!(true), Err(())),
    ] {
        let got = checked(&with(body(), "transaction.orderId", Some(written.clone())));
        match want {
            Ok(reason) => {
                let command = got.unwrap();
                let text = written.as_str().map_or(written.to_string(), str::to_owned);
                assert_eq!(command.order.as_str(), text);
                assert_eq!(command.untranslatable(), reason, "{written}");
            }
            Err(()) => assert_eq!(codes(&got.unwrap_err()), ["transaction.orderId"]),
        }
    }
}

#[test]
fn short_order_ids_get_a_prefix_and_it_is_told() {
    for (written, reference, told) in [
        ("Woo17", "ecom-id-Woo17", true),
        ("1234567", "ecom-id-1234567", true),
        ("12345678", "12345678", false),
    ] {
        let command = checked(&with(body(), "transaction.orderId", Some(json!(written)))).unwrap();
        let (create, losses) = created(&command);
        assert_eq!(create["reference"], reference);
        assert_eq!(losses.contains(&Loss::OrderPrefixed), told);
    }
}

#[test]
fn airline_data_goes_over_member_by_member() {
    const DATA: &str = "transaction.additionalData";
    let full = json!({
        "passengerName": "NORDMANN / OLA MR.", "airlineCode": "074", "airlineDesignatorCode": "KL",
        "ticketNumber": "074-5799804843", "agencyInvoiceNumber": "123456"
    });
    let asked = with(body(), DATA, Some(full.clone()));
    let (create, _) = created(&checked(&asked).unwrap());
    assert_eq!(create["industryData"]["airlineData"], full);
    for (member, required, shortest, longest) in [
        ("passengerName", true, 1, 49),
        ("airlineCode", true, 3, 3),
        ("airlineDesignatorCode", true, 2, 2),
        ("ticketNumber", false, 1, 150),
        ("agencyInvoiceNumber", true, 1, 6),
    ] {
        let path = format!("{DATA}.{member}");
        let says = |value: Option<Value>| match checked(&with(asked.clone(), &path, value)) {
            Ok(command) => {
                let json = created(&command).0;
                json["industryData"]["airlineData"][member].to_string()
            }
            Err(failure) => codes(&failure).join(" "),
        };
        let absent = if required { path.as_str() } else { "null" };
        assert_eq!(says(None), absent);
        assert_eq!(says(Some(json!(null))), absent);
        for (length, fits) in [
            (shortest - 1, false),
            (shortest, true),
            (longest, true),
            (longest + 1, false),
        ] {
            let text = "ø".repeat(length);
            let want = if fits {
                format!("\"{text}\"")
            } else {
                path.clone()
            };
            assert_eq!(says(Some(json!(text))), want, "{length}");
        }
        assert_eq!(says(Some(json!(["x"]))), path);
    }
    // Some clients write codes and numbers as JSON numbers; leading zeros would be guessed, so they are refused.
    let numbers = with(
        asked.clone(),
        &format!("{DATA}.airlineCode"),
        Some(json!(328)),
    );
    let numbers = with(
        numbers,
        &format!("{DATA}.agencyInvoiceNumber"),
        Some(json!(77)),
    );
    let (create, _) = created(&checked(&numbers).unwrap());
    assert_eq!(create["industryData"]["airlineData"]["airlineCode"], "328");
    assert_eq!(
        create["industryData"]["airlineData"]["agencyInvoiceNumber"],
        "77"
    );
    assert_eq!(
        codes(
            &checked(&with(
                asked,
                &format!("{DATA}.airlineCode"),
                Some(json!(74))
            ))
            .unwrap_err()
        ),
        ["transaction.additionalData.airlineCode"]
    );
}

#[test]
fn scope_goes_over_and_an_empty_one_is_none() {
    for (scope, profile) in [
        (
            json!("name phoneNumber"),
            json!({"scope": "name phoneNumber"}),
        ),
        (json!(" "), json!(null)),
        (json!(""), json!(null)),
        (json!(null), json!(null)),
    ] {
        let command = checked(&with(body(), "transaction.scope", Some(scope))).unwrap();
        assert_eq!(created(&command).0["profile"], profile);
    }
}

#[test]
fn payment_types_are_told_apart() {
    for (written, kind) in [
        (None, PaymentType::Regular),
        (Some(json!(null)), PaymentType::Regular),
        (Some(json!("")), PaymentType::Regular),
        (Some(json!("eComm Regular Payment")), PaymentType::Regular),
        (Some(json!(" ECOMM regular payment ")), PaymentType::Regular),
        (Some(json!("eComm Express Payment")), PaymentType::Express),
        (Some(json!("  ecomm EXPRESS payment")), PaymentType::Express),
        (Some(json!("eCom Express Payment")), PaymentType::Other),
        (Some(json!("subscription")), PaymentType::Other),
        (Some(json!(1)), PaymentType::Other),
        (Some(json!({})), PaymentType::Other),
    ] {
        let asked: InitiatePayment =
            read(&with(body(), "merchantInfo.paymentType", written.clone()));
        assert_eq!(payment_type(&asked), kind, "{written:?}");
    }
    assert_eq!(
        payment_type(&InitiatePayment::default()),
        PaymentType::Regular
    );
}

#[test]
fn identity_is_read_from_whatever_can_be_read() {
    let says = |json: Value, header| {
        let (msn, order) = identity(&read(&json), header);
        (
            msn.map(|m| m.as_str().to_owned()),
            order.map(|o| o.as_str().to_owned()),
        )
    };
    let both = (Some("123456".to_owned()), Some("order-1234".to_owned()));
    assert_eq!(says(body(), None), both);
    assert_eq!(
        says(body(), Some("654321")),
        both,
        "the body says who is paid"
    );
    let blanks = with(
        body(),
        "merchantInfo.merchantSerialNumber",
        Some(json!(" 123456 ")),
    );
    assert_eq!(says(blanks, None), both);
    assert_eq!(
        says(with(body(), "merchantInfo", None), Some(" 654321 "))
            .0
            .as_deref(),
        Some("654321")
    );
    let bare = with(body(), "merchantInfo", None);
    assert_eq!(says(bare, Some("654321")).0.as_deref(), Some("654321"));
    assert_eq!(
        says(json!({"merchantInfo": 1, "transaction": []}), None),
        (None, None)
    );
}
