-- What release 0.3.0 left.
--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: ecom_bridge; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA ecom_bridge;


--
-- Name: ledger_counts(); Type: FUNCTION; Schema: ecom_bridge; Owner: -
--

CREATE FUNCTION ecom_bridge.ledger_counts() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        IF OLD.class <> '' THEN
            INSERT INTO open_changes (msn, origin, class, currency, capture_day, refund_day, payments, to_capture, to_refund)
            VALUES (OLD.msn, OLD.origin, OLD.class, OLD.currency, OLD.capture_day, OLD.refund_day, -1, -OLD.to_capture,
                -OLD.to_refund);
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        IF NEW.class <> '' THEN
            INSERT INTO open_changes (msn, origin, class, currency, capture_day, refund_day, payments, to_capture, to_refund)
            VALUES (NEW.msn, NEW.origin, NEW.class, NEW.currency, NEW.capture_day, NEW.refund_day, 1, NEW.to_capture,
                NEW.to_refund);
        END IF;
    END IF;
    RETURN NULL;
END $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: adjustments; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.adjustments (
    id bigint NOT NULL,
    scope text NOT NULL COLLATE pg_catalog."C",
    order_id text NOT NULL COLLATE pg_catalog."C",
    op text NOT NULL,
    api text NOT NULL,
    request_id text,
    key text,
    attempt bigint NOT NULL,
    amount bigint,
    computed boolean NOT NULL,
    text text NOT NULL,
    cancelled_before bigint,
    state text NOT NULL,
    until bigint NOT NULL,
    done_amount bigint,
    transaction_id text,
    done_at bigint,
    begun_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    closed_at bigint,
    revision bigint NOT NULL,
    CONSTRAINT adjustments_amount_check CHECK ((amount >= 0)),
    CONSTRAINT adjustments_api_check CHECK ((api = ANY (ARRAY['ecom'::text, 'epayment'::text]))),
    CONSTRAINT adjustments_attempt_check CHECK ((attempt >= 0)),
    CONSTRAINT adjustments_cancelled_before_check CHECK ((cancelled_before >= 0)),
    CONSTRAINT adjustments_check CHECK (((state = 'open'::text) = (closed_at IS NULL))),
    CONSTRAINT adjustments_check1 CHECK (((state = 'succeeded'::text) = ((done_amount IS NOT NULL) AND (done_at IS NOT NULL)))),
    CONSTRAINT adjustments_done_amount_check CHECK ((done_amount >= 0)),
    CONSTRAINT adjustments_op_check CHECK ((op = ANY (ARRAY['capture'::text, 'cancel'::text, 'refund'::text]))),
    CONSTRAINT adjustments_state_check CHECK ((state = ANY (ARRAY['open'::text, 'succeeded'::text, 'refused'::text, 'not_done'::text])))
);


--
-- Name: adjustments_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.adjustments ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.adjustments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: attempts; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.attempts (
    id bigint NOT NULL,
    scope text NOT NULL COLLATE pg_catalog."C",
    order_id text NOT NULL COLLATE pg_catalog."C",
    caller bytea NOT NULL,
    msn text COLLATE pg_catalog."C",
    origin text NOT NULL,
    kind text NOT NULL,
    reference text COLLATE pg_catalog."C",
    amount bigint,
    currency text,
    text text,
    callback_prefix text,
    auth_token bytea,
    auth_sealed boolean NOT NULL,
    scope_asked text,
    fall_back text,
    request_id text,
    create_key text,
    fingerprint bytea NOT NULL,
    until bigint,
    begun_at bigint NOT NULL,
    poll_at bigint,
    end_at bigint,
    CONSTRAINT attempts_amount_check CHECK ((amount >= 0)),
    CONSTRAINT attempts_caller_check CHECK ((octet_length(caller) = 16)),
    CONSTRAINT attempts_fingerprint_check CHECK ((octet_length(fingerprint) = 16)),
    CONSTRAINT attempts_kind_check CHECK ((kind = ANY (ARRAY['regular'::text, 'express'::text, 'unproven'::text]))),
    CONSTRAINT attempts_origin_check CHECK ((origin = ANY (ARRAY['ecom'::text, 'epayment'::text])))
);


--
-- Name: attempts_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.attempts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.attempts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: automatic; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.automatic (
    msn text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    percent bigint,
    state text NOT NULL,
    saved_at bigint NOT NULL
);


--
-- Name: callbacks; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.callbacks (
    id bigint NOT NULL,
    scope text NOT NULL COLLATE pg_catalog."C",
    order_id text NOT NULL COLLATE pg_catalog."C",
    msn text NOT NULL COLLATE pg_catalog."C",
    reference text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL,
    amount bigint NOT NULL,
    at bigint NOT NULL,
    transaction_id text NOT NULL,
    host text NOT NULL,
    stage text NOT NULL COLLATE pg_catalog."C",
    attempts bigint NOT NULL,
    queued_at bigint NOT NULL,
    due_at bigint NOT NULL,
    lease bigint NOT NULL,
    leased boolean NOT NULL,
    ended text,
    ended_at bigint,
    note text,
    CONSTRAINT callbacks_amount_check CHECK ((amount >= 0)),
    CONSTRAINT callbacks_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT callbacks_check CHECK (((ended IS NULL) = (ended_at IS NULL))),
    CONSTRAINT callbacks_check1 CHECK (((ended IS NULL) OR (NOT leased))),
    CONSTRAINT callbacks_ended_check CHECK ((ended = ANY (ARRAY['delivered'::text, 'dead'::text, 'dropped'::text]))),
    CONSTRAINT callbacks_stage_check CHECK ((stage = ANY (ARRAY['capture'::text, 'deliver'::text])))
);


--
-- Name: callbacks_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.callbacks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.callbacks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: changes; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.changes (
    id bigint NOT NULL,
    at bigint NOT NULL,
    what text NOT NULL,
    key text NOT NULL,
    msn text COLLATE pg_catalog."C",
    old text NOT NULL,
    new text NOT NULL,
    who text NOT NULL,
    why text NOT NULL
);


--
-- Name: changes_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.changes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: events; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.events (
    id bigint NOT NULL,
    msn text NOT NULL COLLATE pg_catalog."C",
    reference text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    success boolean NOT NULL,
    psp_reference text NOT NULL COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    at bigint NOT NULL,
    key text,
    source text NOT NULL,
    status text,
    stage text,
    matched boolean NOT NULL,
    received_at bigint NOT NULL,
    CONSTRAINT events_amount_check CHECK ((amount >= 0)),
    CONSTRAINT events_check CHECK (((status IS NULL) = (stage IS NULL))),
    CONSTRAINT events_source_check CHECK ((source = ANY (ARRAY['webhook'::text, 'poll'::text]))),
    CONSTRAINT events_stage_check CHECK ((stage = ANY (ARRAY['capture'::text, 'deliver'::text])))
);


--
-- Name: events_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: ledger; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.ledger (
    id bigint NOT NULL,
    scope text NOT NULL COLLATE pg_catalog."C",
    order_id text NOT NULL COLLATE pg_catalog."C",
    msn text NOT NULL COLLATE pg_catalog."C",
    reference text COLLATE pg_catalog."C",
    origin text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    amount bigint,
    currency text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    state text NOT NULL,
    authorized bigint DEFAULT 0 NOT NULL,
    captured bigint DEFAULT 0 NOT NULL,
    refunded bigint DEFAULT 0 NOT NULL,
    cancelled bigint DEFAULT 0 NOT NULL,
    reserved_at bigint,
    captured_at bigint,
    guaranteed_until bigint,
    learnt_at bigint NOT NULL,
    learnt text NOT NULL,
    class text NOT NULL COLLATE pg_catalog."C",
    capture_day bigint NOT NULL,
    refund_day bigint NOT NULL,
    to_capture bigint DEFAULT 0 NOT NULL,
    to_refund bigint DEFAULT 0 NOT NULL,
    news bigint DEFAULT 0 NOT NULL,
    checked_at bigint,
    due_at bigint,
    lease bigint DEFAULT 0 NOT NULL,
    looks bigint DEFAULT 0 NOT NULL,
    trouble text,
    CONSTRAINT ledger_amount_check CHECK ((amount >= 0)),
    CONSTRAINT ledger_authorized_check CHECK ((authorized >= 0)),
    CONSTRAINT ledger_cancelled_check CHECK ((cancelled >= 0)),
    CONSTRAINT ledger_captured_check CHECK ((captured >= 0)),
    CONSTRAINT ledger_kind_check CHECK ((kind = ANY (ARRAY['regular'::text, 'express'::text, 'unproven'::text]))),
    CONSTRAINT ledger_origin_check CHECK ((origin = ANY (ARRAY[''::text, 'ecom'::text, 'epayment'::text]))),
    CONSTRAINT ledger_refunded_check CHECK ((refunded >= 0))
);


--
-- Name: ledger_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.ledger ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.ledger_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: meta; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.meta (
    name text NOT NULL,
    value bytea NOT NULL
);


--
-- Name: mismatches; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.mismatches (
    id bigint NOT NULL,
    scope text NOT NULL COLLATE pg_catalog."C",
    order_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    about text NOT NULL COLLATE pg_catalog."C",
    found_at bigint NOT NULL,
    told boolean DEFAULT false NOT NULL,
    resolved_at bigint
);


--
-- Name: mismatches_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.mismatches ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.mismatches_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: observations; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.observations (
    msn text NOT NULL COLLATE pg_catalog."C",
    hour bigint NOT NULL,
    operation text NOT NULL COLLATE pg_catalog."C",
    side text NOT NULL COLLATE pg_catalog."C",
    last_at bigint NOT NULL,
    counts text NOT NULL
);


--
-- Name: open_changes; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.open_changes (
    id bigint NOT NULL,
    msn text NOT NULL COLLATE pg_catalog."C",
    origin text NOT NULL COLLATE pg_catalog."C",
    class text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    capture_day bigint NOT NULL,
    refund_day bigint NOT NULL,
    payments bigint NOT NULL,
    to_capture bigint NOT NULL,
    to_refund bigint NOT NULL
);


--
-- Name: open_changes_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.open_changes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.open_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: open_days; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.open_days (
    msn text NOT NULL COLLATE pg_catalog."C",
    origin text NOT NULL COLLATE pg_catalog."C",
    class text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    capture_day bigint NOT NULL,
    refund_day bigint NOT NULL,
    payments bigint NOT NULL,
    to_capture bigint NOT NULL,
    to_refund bigint NOT NULL
);


--
-- Name: overrides; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.overrides (
    id bigint NOT NULL,
    lever text NOT NULL COLLATE pg_catalog."C",
    msn text COLLATE pg_catalog."C",
    toggle text NOT NULL,
    who text NOT NULL,
    why text NOT NULL,
    made_at bigint NOT NULL,
    until bigint,
    ended_at bigint
);


--
-- Name: overrides_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.overrides ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.overrides_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: payments; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.payments (
    id bigint NOT NULL,
    scope text NOT NULL COLLATE pg_catalog."C",
    order_id text NOT NULL COLLATE pg_catalog."C",
    caller bytea NOT NULL,
    msn text COLLATE pg_catalog."C",
    origin text NOT NULL,
    kind text NOT NULL,
    reference text COLLATE pg_catalog."C",
    amount bigint,
    currency text,
    text text,
    callback_prefix text,
    auth_token bytea,
    auth_sealed boolean NOT NULL,
    scope_asked text,
    fall_back text,
    request_id text,
    create_key text,
    created_at bigint NOT NULL,
    poll_at bigint,
    end_at bigint,
    looks bigint DEFAULT 0 NOT NULL,
    poll_lease bigint DEFAULT 0 NOT NULL,
    heard text,
    callback_id bigint,
    changed_at bigint DEFAULT 0 NOT NULL,
    CONSTRAINT payments_amount_check CHECK ((amount >= 0)),
    CONSTRAINT payments_caller_check CHECK ((octet_length(caller) = 16)),
    CONSTRAINT payments_kind_check CHECK ((kind = ANY (ARRAY['regular'::text, 'express'::text, 'unproven'::text]))),
    CONSTRAINT payments_looks_check CHECK ((looks >= 0)),
    CONSTRAINT payments_origin_check CHECK ((origin = ANY (ARRAY['ecom'::text, 'epayment'::text])))
);


--
-- Name: payments_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.payments ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.payments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: probe; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.probe (
    id bigint NOT NULL,
    count bigint NOT NULL,
    CONSTRAINT probe_id_check CHECK ((id = 1))
);


--
-- Name: registrations; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.registrations (
    msn text NOT NULL COLLATE pg_catalog."C",
    good_at bigint,
    next_at bigint NOT NULL,
    failures bigint NOT NULL,
    why text,
    lease bigint NOT NULL,
    lease_until bigint,
    CONSTRAINT registrations_failures_check CHECK ((failures >= 0))
);


--
-- Name: schema_version; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.schema_version (
    version bigint NOT NULL
);


--
-- Name: strays; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.strays (
    id bigint NOT NULL,
    msn text NOT NULL COLLATE pg_catalog."C",
    why text NOT NULL,
    redacted text NOT NULL,
    kept_at bigint NOT NULL
);


--
-- Name: strays_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.strays ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.strays_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: webhooks; Type: TABLE; Schema: ecom_bridge; Owner: -
--

CREATE TABLE ecom_bridge.webhooks (
    id bigint NOT NULL,
    msn text NOT NULL COLLATE pg_catalog."C",
    webhook text NOT NULL COLLATE pg_catalog."C",
    url text NOT NULL,
    secret bytea NOT NULL,
    sealed boolean NOT NULL,
    made_at bigint NOT NULL,
    retired_at bigint
);


--
-- Name: webhooks_id_seq; Type: SEQUENCE; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ecom_bridge.webhooks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ecom_bridge.webhooks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Data for Name: adjustments; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.adjustments OVERRIDING SYSTEM VALUE VALUES (1, '123456', 'order-captured', 'capture', 'epayment', 'capture-order-captured', 'capture-order-captured-PGASDS7n4OaTxpHqxhpw78wQJas', 0, 15000, false, 'Socks', NULL, 'succeeded', 1796057623019, 15000, '7000000024', 1796057588237, 1796057588222, 1796057588222, 1796057588242, 2);
INSERT INTO ecom_bridge.adjustments OVERRIDING SYSTEM VALUE VALUES (2, '123456', 'order-in-doubt', 'capture', 'epayment', 'capture-order-in-doubt', 'capture-order-in-doubt-1txcOMGXoaru8ClW2E0IRspyq1z', 0, 5000, false, 'Socks', NULL, 'open', 1796057589278, NULL, NULL, NULL, 1796057588267, 1796057588267, NULL, 2);


--
-- Data for Name: attempts; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--



--
-- Data for Name: automatic; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.automatic VALUES ('123456', 1, NULL, '{"window":[{"at":59868586,"both":{"ecom":{"calls":0,"bad":0,"run":0,"timed":0,"times":0,"squares":0},"epayment":{"calls":4,"bad":0,"run":0,"timed":4,"times":6,"squares":12}}}],"clean":null,"cleanAt":0,"acting":{"phase":{"word":"free"},"counted":{"ecom":{"calls":0,"bad":0,"run":0,"timed":0,"times":0,"squares":0},"epayment":{"calls":0,"bad":0,"run":0,"timed":0,"times":0,"squares":0}},"backs":0,"backAt":null,"last":null},"would":{"phase":{"word":"climbing","percent":1,"since":1796057590118},"counted":{"ecom":{"calls":0,"bad":0,"run":0,"timed":0,"times":0,"squares":0},"epayment":{"calls":0,"bad":0,"run":0,"timed":0,"times":0,"squares":0}},"backs":0,"backAt":null,"last":{"kind":"begin","from":null,"to":1,"at":1796057590118,"why":"the ramp begins with this sales unit"}}}', 1796057590118);


--
-- Data for Name: callbacks; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.callbacks OVERRIDING SYSTEM VALUE VALUES (1, '123456', 'order-captured', '123456', 'order-captured', 'RESERVED', 20000, 1796057588210, '7000000005', '127.0.0.1', 'deliver', 1, 1796057588214, 1796057592533, 1, false, NULL, NULL, 'connection refused');
INSERT INTO ecom_bridge.callbacks OVERRIDING SYSTEM VALUE VALUES (2, '123456', 'order-approved', '123456', 'order-approved', 'RESERVED', 20000, 1796057588215, '7000000015', '127.0.0.1', 'deliver', 1, 1796057588228, 1796057594236, 1, false, NULL, NULL, 'connection refused');
INSERT INTO ecom_bridge.callbacks OVERRIDING SYSTEM VALUE VALUES (3, '123456', 'order-in-doubt', '123456', 'order-in-doubt', 'RESERVED', 20000, 1796057588217, '7000000019', '127.0.0.1', 'deliver', 1, 1796057588252, 1796057592578, 1, false, NULL, NULL, 'connection refused');


--
-- Data for Name: changes; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--



--
-- Data for Name: events; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.events OVERRIDING SYSTEM VALUE VALUES (1, '123456', 'order-captured', 'AUTHORIZED', true, '7000000005', 20000, 1796057588210, NULL, 'webhook', 'RESERVED', 'deliver', true, 1796057588214);
INSERT INTO ecom_bridge.events OVERRIDING SYSTEM VALUE VALUES (2, '123456', 'order-approved', 'AUTHORIZED', true, '7000000015', 20000, 1796057588215, NULL, 'webhook', 'RESERVED', 'deliver', true, 1796057588228);
INSERT INTO ecom_bridge.events OVERRIDING SYSTEM VALUE VALUES (3, '123456', 'order-in-doubt', 'AUTHORIZED', true, '7000000019', 20000, 1796057588217, NULL, 'webhook', 'RESERVED', 'deliver', true, 1796057588252);
INSERT INTO ecom_bridge.events OVERRIDING SYSTEM VALUE VALUES (4, '123456', 'order-captured', 'CAPTURED', true, '7000000024', 15000, 1796057588237, 'capture-order-captured-PGASDS7n4OaTxpHqxhpw78wQJas', 'webhook', NULL, NULL, true, 1796057588272);


--
-- Data for Name: ledger; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.ledger OVERRIDING SYSTEM VALUE VALUES (2, '123456', 'order-waits', '123456', 'order-waits', 'epayment', 'regular', 20000, 'NOK', 1796057588179, 'created', 0, 0, 0, 0, NULL, NULL, NULL, 1796057588179, 'record', 'created', 20787, -1, 0, 0, 0, NULL, NULL, 0, 0, NULL);
INSERT INTO ecom_bridge.ledger OVERRIDING SYSTEM VALUE VALUES (3, '123456', 'order-approved', '123456', 'order-approved', 'epayment', 'regular', 20000, 'NOK', 1796057588190, 'reserved', 20000, 0, 0, 0, 1796057588215, NULL, NULL, 1796057588228, 'webhook', 'reserved', 20787, -1, 20000, 0, 1, NULL, 1796057648228, 0, 0, NULL);
INSERT INTO ecom_bridge.ledger OVERRIDING SYSTEM VALUE VALUES (1, '123456', 'order-captured', '123456', 'order-captured', 'epayment', 'regular', 20000, 'NOK', 1796057588158, 'partly_captured', 20000, 15000, 0, 0, 1796057588210, 1796057588237, NULL, 1796057588272, 'webhook', 'partly_captured', 20787, 20787, 5000, 15000, 3, NULL, 1796057648214, 0, 0, NULL);
INSERT INTO ecom_bridge.ledger OVERRIDING SYSTEM VALUE VALUES (4, '123456', 'order-in-doubt', '123456', 'order-in-doubt', 'epayment', 'regular', 20000, 'NOK', 1796057588202, 'reserved', 20000, 0, 0, 0, 1796057588217, NULL, NULL, 1796057588252, 'webhook', 'reserved', 20787, -1, 20000, 0, 2, NULL, 1796057648252, 0, 0, NULL);


--
-- Data for Name: meta; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.meta VALUES ('secret', '\xf8e644a2eccb5501c48874888ada3a2b1c2761c67fcd9f0f49669e4e686644c3');


--
-- Data for Name: mismatches; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--



--
-- Data for Name: observations; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--



--
-- Data for Name: open_changes; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--



--
-- Data for Name: open_days; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.open_days VALUES ('123456', 'epayment', 'created', 'NOK', 20787, -1, 1, 0, 0);
INSERT INTO ecom_bridge.open_days VALUES ('123456', 'epayment', 'partly_captured', 'NOK', 20787, 20787, 1, 5000, 15000);
INSERT INTO ecom_bridge.open_days VALUES ('123456', 'epayment', 'reserved', 'NOK', 20787, -1, 2, 40000, 0);


--
-- Data for Name: overrides; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--



--
-- Data for Name: payments; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.payments OVERRIDING SYSTEM VALUE VALUES (2, '123456', 'order-waits', '\xf9aa34a23edacb2209ce39689bd38d1c', '123456', 'epayment', 'regular', 'order-waits', 20000, 'NOK', 'Socks', 'SHOP/vipps', '\x426561726572206f662d7468652d73686f70', false, NULL, 'https://shop.example/back', 'initiate-order-waits', 'bridge-6480aeb5-e85e-4ea1-8f88-d494d516744d', 1796057588179, 1796057648176, NULL, 0, 0, NULL, NULL, 1796057588179);
INSERT INTO ecom_bridge.payments OVERRIDING SYSTEM VALUE VALUES (3, '123456', 'order-approved', '\xf9aa34a23edacb2209ce39689bd38d1c', '123456', 'epayment', 'regular', 'order-approved', 20000, 'NOK', 'Socks', 'SHOP/vipps', '\x426561726572206f662d7468652d73686f70', false, NULL, 'https://shop.example/back', 'initiate-order-approved', 'bridge-20447b5d-07ff-46a8-a9af-9a1fceb1937c', 1796057588190, NULL, NULL, 0, 0, 'AUTHORIZED', 2, 1796057588228);
INSERT INTO ecom_bridge.payments OVERRIDING SYSTEM VALUE VALUES (4, '123456', 'order-in-doubt', '\xf9aa34a23edacb2209ce39689bd38d1c', '123456', 'epayment', 'regular', 'order-in-doubt', 20000, 'NOK', 'Socks', 'SHOP/vipps', '\x426561726572206f662d7468652d73686f70', false, NULL, 'https://shop.example/back', 'initiate-order-in-doubt', 'bridge-d89ca974-7253-4271-86e3-45fe110eeef3', 1796057588202, NULL, NULL, 0, 0, 'AUTHORIZED', 3, 1796057588252);
INSERT INTO ecom_bridge.payments OVERRIDING SYSTEM VALUE VALUES (1, '123456', 'order-captured', '\xf9aa34a23edacb2209ce39689bd38d1c', '123456', 'epayment', 'regular', 'order-captured', 20000, 'NOK', 'Socks', 'SHOP/vipps', '\x426561726572206f662d7468652d73686f70', false, NULL, 'https://shop.example/back', 'initiate-order-captured', 'bridge-af22345d-e911-4f04-8946-9fecfd92dd07', 1796057588158, NULL, NULL, 0, 0, 'AUTHORIZED', 1, 1796057588272);


--
-- Data for Name: probe; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.probe VALUES (1, 0);


--
-- Data for Name: registrations; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.registrations VALUES ('123456', 1796057588158, 1796143988158, 0, NULL, 1, NULL);


--
-- Data for Name: schema_version; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.schema_version VALUES (5);


--
-- Data for Name: strays; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--



--
-- Data for Name: webhooks; Type: TABLE DATA; Schema: ecom_bridge; Owner: -
--

INSERT INTO ecom_bridge.webhooks OVERRIDING SYSTEM VALUE VALUES (1, '123456', '75f95d97-de04-573b-81e0-4bebd0dd69a4', 'http://127.0.0.1:60923/webhooks/123456', '\x64396461633937652d336331372d353831392d613062612d626364633762353332653930', false, 1796057588155, NULL);


--
-- Name: adjustments_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.adjustments_id_seq', 2, true);


--
-- Name: attempts_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.attempts_id_seq', 4, true);


--
-- Name: callbacks_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.callbacks_id_seq', 3, true);


--
-- Name: changes_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.changes_id_seq', 1, false);


--
-- Name: events_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.events_id_seq', 4, true);


--
-- Name: ledger_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.ledger_id_seq', 6, true);


--
-- Name: mismatches_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.mismatches_id_seq', 1, false);


--
-- Name: open_changes_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.open_changes_id_seq', 12, true);


--
-- Name: overrides_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.overrides_id_seq', 1, false);


--
-- Name: payments_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.payments_id_seq', 4, true);


--
-- Name: strays_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.strays_id_seq', 1, false);


--
-- Name: webhooks_id_seq; Type: SEQUENCE SET; Schema: ecom_bridge; Owner: -
--

SELECT pg_catalog.setval('ecom_bridge.webhooks_id_seq', 1, true);


--
-- Name: adjustments adjustments_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.adjustments
    ADD CONSTRAINT adjustments_pkey PRIMARY KEY (id);


--
-- Name: attempts attempts_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (id);


--
-- Name: automatic automatic_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.automatic
    ADD CONSTRAINT automatic_pkey PRIMARY KEY (msn);


--
-- Name: callbacks callbacks_order_id_scope_key; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.callbacks
    ADD CONSTRAINT callbacks_order_id_scope_key UNIQUE (order_id, scope);


--
-- Name: callbacks callbacks_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.callbacks
    ADD CONSTRAINT callbacks_pkey PRIMARY KEY (id);


--
-- Name: changes changes_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (id);


--
-- Name: events events_msn_reference_name_success_psp_reference_key; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.events
    ADD CONSTRAINT events_msn_reference_name_success_psp_reference_key UNIQUE (msn, reference, name, success, psp_reference);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);


--
-- Name: ledger ledger_order_id_scope_key; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.ledger
    ADD CONSTRAINT ledger_order_id_scope_key UNIQUE (order_id, scope);


--
-- Name: ledger ledger_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (id);


--
-- Name: meta meta_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (name);


--
-- Name: mismatches mismatches_order_id_scope_kind_about_key; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.mismatches
    ADD CONSTRAINT mismatches_order_id_scope_kind_about_key UNIQUE (order_id, scope, kind, about);


--
-- Name: mismatches mismatches_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.mismatches
    ADD CONSTRAINT mismatches_pkey PRIMARY KEY (id);


--
-- Name: observations observations_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.observations
    ADD CONSTRAINT observations_pkey PRIMARY KEY (msn, hour, operation, side);


--
-- Name: open_changes open_changes_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.open_changes
    ADD CONSTRAINT open_changes_pkey PRIMARY KEY (id);


--
-- Name: open_days open_days_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.open_days
    ADD CONSTRAINT open_days_pkey PRIMARY KEY (msn, origin, class, currency, capture_day, refund_day);


--
-- Name: overrides overrides_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.overrides
    ADD CONSTRAINT overrides_pkey PRIMARY KEY (id);


--
-- Name: payments payments_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (id);


--
-- Name: payments payments_scope_order_id_key; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.payments
    ADD CONSTRAINT payments_scope_order_id_key UNIQUE (scope, order_id);


--
-- Name: probe probe_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.probe
    ADD CONSTRAINT probe_pkey PRIMARY KEY (id);


--
-- Name: registrations registrations_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.registrations
    ADD CONSTRAINT registrations_pkey PRIMARY KEY (msn);


--
-- Name: strays strays_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.strays
    ADD CONSTRAINT strays_pkey PRIMARY KEY (id);


--
-- Name: webhooks webhooks_msn_webhook_key; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.webhooks
    ADD CONSTRAINT webhooks_msn_webhook_key UNIQUE (msn, webhook);


--
-- Name: webhooks webhooks_pkey; Type: CONSTRAINT; Schema: ecom_bridge; Owner: -
--

ALTER TABLE ONLY ecom_bridge.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (id);


--
-- Name: adjustments_ambiguous; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX adjustments_ambiguous ON ecom_bridge.adjustments USING btree (until) WHERE (state = 'open'::text);


--
-- Name: adjustments_by_order; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX adjustments_by_order ON ecom_bridge.adjustments USING btree (scope, order_id);


--
-- Name: adjustments_open; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE UNIQUE INDEX adjustments_open ON ecom_bridge.adjustments USING btree (scope, order_id) WHERE (state = 'open'::text);


--
-- Name: attempts_by_order; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX attempts_by_order ON ecom_bridge.attempts USING btree (scope, order_id, caller);


--
-- Name: callbacks_dead; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX callbacks_dead ON ecom_bridge.callbacks USING btree (id) WHERE (ended = 'dead'::text);


--
-- Name: callbacks_due; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX callbacks_due ON ecom_bridge.callbacks USING btree (stage, msn, due_at, id) WHERE (ended_at IS NULL);


--
-- Name: callbacks_leased; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX callbacks_leased ON ecom_bridge.callbacks USING btree (stage, msn, due_at) WHERE leased;


--
-- Name: callbacks_next; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX callbacks_next ON ecom_bridge.callbacks USING btree (stage, due_at) WHERE (ended_at IS NULL);


--
-- Name: callbacks_over; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX callbacks_over ON ecom_bridge.callbacks USING btree (ended_at) WHERE (ended = ANY (ARRAY['delivered'::text, 'dropped'::text]));


--
-- Name: events_unmatched; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX events_unmatched ON ecom_bridge.events USING btree (received_at) WHERE (NOT matched);


--
-- Name: ledger_due; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX ledger_due ON ecom_bridge.ledger USING btree (due_at, id) WHERE (due_at IS NOT NULL);


--
-- Name: ledger_guaranteed; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX ledger_guaranteed ON ecom_bridge.ledger USING btree (guaranteed_until) WHERE ((guaranteed_until IS NOT NULL) AND (class = ANY (ARRAY['reserved'::text, 'partly_captured'::text])));


--
-- Name: ledger_of_unit; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX ledger_of_unit ON ecom_bridge.ledger USING btree (msn, id);


--
-- Name: mismatches_open; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX mismatches_open ON ecom_bridge.mismatches USING btree (kind) WHERE (resolved_at IS NULL);


--
-- Name: observations_by_hour; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX observations_by_hour ON ecom_bridge.observations USING btree (hour);


--
-- Name: open_days_empty; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX open_days_empty ON ecom_bridge.open_days USING btree (msn) WHERE (payments = 0);


--
-- Name: overrides_in_force; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE UNIQUE INDEX overrides_in_force ON ecom_bridge.overrides USING btree (lever, COALESCE(msn, ''::text)) WHERE (ended_at IS NULL);


--
-- Name: payments_changed; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX payments_changed ON ecom_bridge.payments USING btree (changed_at);


--
-- Name: payments_of_caller_by_order; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX payments_of_caller_by_order ON ecom_bridge.payments USING btree (caller, order_id, msn) WHERE (msn IS NOT NULL);


--
-- Name: payments_of_caller_by_unit; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX payments_of_caller_by_unit ON ecom_bridge.payments USING btree (caller, msn) WHERE (msn IS NOT NULL);


--
-- Name: payments_poll; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX payments_poll ON ecom_bridge.payments USING btree (poll_at, id) WHERE (poll_at IS NOT NULL);


--
-- Name: strays_kept; Type: INDEX; Schema: ecom_bridge; Owner: -
--

CREATE INDEX strays_kept ON ecom_bridge.strays USING btree (kept_at);


--
-- Name: ledger ledger_counts_changed; Type: TRIGGER; Schema: ecom_bridge; Owner: -
--

CREATE TRIGGER ledger_counts_changed AFTER UPDATE ON ecom_bridge.ledger FOR EACH ROW WHEN (((((((((old.msn IS DISTINCT FROM new.msn) OR (old.origin IS DISTINCT FROM new.origin)) OR (old.class IS DISTINCT FROM new.class)) OR (old.currency IS DISTINCT FROM new.currency)) OR (old.capture_day IS DISTINCT FROM new.capture_day)) OR (old.refund_day IS DISTINCT FROM new.refund_day)) OR (old.to_capture IS DISTINCT FROM new.to_capture)) OR (old.to_refund IS DISTINCT FROM new.to_refund))) EXECUTE FUNCTION ecom_bridge.ledger_counts();


--
-- Name: ledger ledger_counts_gone; Type: TRIGGER; Schema: ecom_bridge; Owner: -
--

CREATE TRIGGER ledger_counts_gone AFTER DELETE ON ecom_bridge.ledger FOR EACH ROW EXECUTE FUNCTION ecom_bridge.ledger_counts();


--
-- Name: ledger ledger_counts_new; Type: TRIGGER; Schema: ecom_bridge; Owner: -
--

CREATE TRIGGER ledger_counts_new AFTER INSERT ON ecom_bridge.ledger FOR EACH ROW EXECUTE FUNCTION ecom_bridge.ledger_counts();


--
-- PostgreSQL database dump complete
--


