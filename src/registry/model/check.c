/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include "base/number.h"
#include "base/text.h"
#include "registry/model/kind.h"

#define NAME_MAX_BYTES 128

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int check_text(struct slice text, struct err *err)
{
	if (text.n > FIELD_MAX_TEXT)
		return err_set(err, -EINVAL, "is longer than %d bytes",
		               FIELD_MAX_TEXT);
	if (!text_is_printable(text))
		return err_set(err, -EINVAL,
		               "must be UTF-8 without control characters");
	return 0;
}

int check_lines(struct slice text, struct err *err)
{
	struct slice part;
	int rc;

	if (text.n > FIELD_MAX_TEXT)
		return check_text(text, err);
	while (slice_next(&text, '\n', &part)) {
		for (size_t i = 0, from = 0; i <= part.n; i++) {
			if (i < part.n && part.p[i] != '\t')
				continue;
			rc = check_text(slice_make(part.p + from, i - from),
			                err);
			if (rc < 0)
				return rc;
			from = i + 1;
		}
	}
	return 0;
}

int check_comment(struct slice text, struct err *err)
{
	if (text.n > 250)
		return err_set(err, -EINVAL, "is longer than 250 bytes");
	return check_text(text, err);
}

/* --- names ---------------------------------------------------------------- */

/* Letters of any script; of what is not ASCII, spaces, quotes and marks of
 * punctuation are left out as far as they stand in the common blocks: `»`
 * joins the names of services and projects. */
static size_t name_char(struct slice text, bool first)
{
	unsigned char c = (unsigned char)text.p[0];
	size_t n;

	if (is_letter(text.p[0]) || is_digit(text.p[0]) || c == '_')
		return 1;
	if (!first && (c == '-' || c == ' ' || c == '.'))
		return 1;
	n = c < 0x80 ? 0 : text_utf8_length(text);
	if (n == 2 && c == 0xc2)
		return 0; /* U+0080 … U+00BF */
	if (n == 3 && c == 0xe2 && (unsigned char)text.p[1] <= 0x81)
		return 0; /* U+2000 … U+207F */
	if (n == 3 && c == 0xe3 && (unsigned char)text.p[1] == 0x80)
		return 0; /* U+3000 … U+303F */
	return n;
}

int check_name(struct slice text, struct err *err)
{
	struct slice rest = text;
	size_t n;

	if (text.n > NAME_MAX_BYTES)
		return err_set(err, -EINVAL, "is longer than %d bytes",
		               NAME_MAX_BYTES);
	while (rest.n && (n = name_char(rest, rest.n == text.n)) > 0)
		rest = slice_skip(rest, n);
	if (text.n == 0 || rest.n || text.p[text.n - 1] == ' ')
		return err_set(err, -EINVAL,
		               "must be letters, digits, `_`, and not in front "
		               "also `-`, `.` and blanks");
	return 0;
}

static bool is_metric_name(struct slice text, bool colons)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!is_letter(c) && c != '_' && !(colons && c == ':') &&
		    !(i && is_digit(c)))
			return false;
	}
	return text.n > 0 && text.n <= NAME_MAX_BYTES;
}

int check_label_name(struct slice text, struct err *err)
{
	if (is_metric_name(text, false))
		return 0;
	return err_set(err, -EINVAL,
	               "a label's name must be letters, digits and `_`, not "
	               "beginning with a digit, %d bytes at most",
	               NAME_MAX_BYTES);
}

int check_metric_name(struct slice text, struct err *err)
{
	if (is_metric_name(text, true))
		return 0;
	return err_set(err, -EINVAL,
	               "must be letters, digits, `_` and `:`, not beginning "
	               "with a digit, %d bytes at most",
	               NAME_MAX_BYTES);
}

/* --- words ---------------------------------------------------------------- */

static int one_of(struct slice text, const char *const *words, size_t n,
                  const char *expected, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (slice_is(text, words[i]))
			return 0;
	}
	return err_set(err, -EINVAL, "must be %s", expected);
}

int check_scheme(struct slice text, struct err *err)
{
	static const char *const words[] = { "http", "https" };

	return one_of(text, words, ARRAY_SIZE(words), "`http` or `https`", err);
}

int check_match(struct slice text, struct err *err)
{
	static const char *const words[] = { "any", "all" };

	return one_of(text, words, ARRAY_SIZE(words), "`any` or `all`", err);
}

int check_operator(struct slice text, struct err *err)
{
	static const char *const words[] = { "=", "!=", "=~", "!~" };

	return one_of(text, words, ARRAY_SIZE(words), "`=`, `!=`, `=~` or `!~`",
	              err);
}

int check_scope(struct slice text, struct err *err)
{
	static const char *const words[] = { "read", "write", "admin",
		                             "alerts" };

	return one_of(text, words, ARRAY_SIZE(words),
	              "`read`, `write`, `admin` or `alerts`", err);
}

int check_hash(struct slice text, struct err *err)
{
	size_t i = 0;

	while (i < text.n && text_hex_digit(text.p[i]) >= 0 &&
	       !(text.p[i] >= 'A' && text.p[i] <= 'F'))
		i++;
	if (text.n == 64 && i == 64)
		return 0;
	return err_set(err, -EINVAL, "must be 64 hexadecimal digits");
}

/* --- durations ------------------------------------------------------------ */

/* https://prometheus.io/docs/prometheus/latest/querying/basics/: each unit
 * once, the longest first. */
int duration_of_prometheus(struct slice text, uint64_t *msp)
{
	static const struct unit {
		const char *name;
		uint64_t ms;
	} units[] = {
		{ "y", 31536000000 }, { "w", 604800000 }, { "d", 86400000 },
		{ "h", 3600000 },     { "m", 60000 },     { "s", 1000 },
		{ "ms", 1 },
	};
	uint64_t ms = 0, count;
	size_t unit = 0;

	if (slice_is(text, "0"))
		return *msp = 0, 0;
	if (text.n == 0)
		return -EINVAL;
	while (text.n) {
		size_t n = 0, n_unit = 0;

		while (n < text.n && is_digit(text.p[n]))
			n++;
		if (number_parse_u64(slice_make(text.p, n), &count) < 0)
			return -EINVAL;
		text = slice_skip(text, n);
		while (n_unit < text.n && is_letter(text.p[n_unit]))
			n_unit++;
		while (unit < ARRAY_SIZE(units) &&
		       !slice_is(slice_make(text.p, n_unit), units[unit].name))
			unit++;
		/* what an int64_t of nanoseconds holds */
		if (unit == ARRAY_SIZE(units) ||
		    count > (INT64_MAX / 1000000 - ms) / units[unit].ms)
			return -EINVAL;
		ms += count * units[unit++].ms;
		text = slice_skip(text, n_unit);
	}
	*msp = ms;
	return 0;
}

int check_duration(struct slice text, struct err *err)
{
	uint64_t ms;

	if (text.n == 0 || duration_of_prometheus(text, &ms) == 0)
		return 0;
	return err_set(err, -EINVAL,
	               "must be a duration as Prometheus writes it: 30s, 5m, "
	               "1h30m");
}

int check_positive_duration(struct slice text, struct err *err)
{
	uint64_t ms;

	if (text.n == 0 || (duration_of_prometheus(text, &ms) == 0 && ms > 0))
		return 0;
	return err_set(err, -EINVAL,
	               "must be a duration above zero as Prometheus writes it: "
	               "15s, 1m");
}

/* --- hosts and addresses -------------------------------------------------- */

static bool is_host_name(struct slice text)
{
	bool numeric = true;
	struct slice part;

	if (text.n == 0 || text.n > CHECK_HOST_MAX || text.p[text.n - 1] == '.')
		return false;
	while (slice_next(&text, '.', &part)) {
		if (part.n == 0 || part.n > 63 || part.p[0] == '-' ||
		    part.p[part.n - 1] == '-')
			return false;
		numeric = true;
		for (size_t i = 0; i < part.n; i++) {
			if (!is_letter(part.p[i]) && !is_digit(part.p[i]) &&
			    part.p[i] != '-')
				return false;
			numeric = numeric && is_digit(part.p[i]);
		}
	}
	return !numeric; /* 300.1.1.1 is an address gone wrong */
}

static bool is_bracketed(struct slice text)
{
	return text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';
}

/* AF_INET, AF_INET6, or 0; @out holds INET6_ADDRSTRLEN. */
static int address_of(struct slice text, char *out)
{
	unsigned char bytes[16];
	char copy[INET6_ADDRSTRLEN];
	bool bracketed = is_bracketed(text);
	int family;

	if (bracketed)
		text = slice_make(text.p + 1, text.n - 2);
	if (text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
		return 0;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	family = strchr(copy, ':') ? AF_INET6 : AF_INET;
	if ((bracketed && family == AF_INET) ||
	    inet_pton(family, copy, bytes) != 1)
		return 0;
	return inet_ntop(family, bytes, out, INET6_ADDRSTRLEN) ? family : 0;
}

bool host_canonical(struct slice text, char *out)
{
	char address[INET6_ADDRSTRLEN];

	if (address_of(text, address))
		text = slice_from(address);
	if (text.n > CHECK_HOST_MAX)
		return false;
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return true;
}

bool field_is_host(const struct field *field)
{
	return field->check == check_host || field->check == check_ip;
}

int check_host(struct slice text, struct err *err)
{
	char address[INET6_ADDRSTRLEN];

	if (is_host_name(text) || address_of(text, address))
		return 0;
	return err_set(err, -EINVAL,
	               "must be the name of a host or an address, without "
	               "scheme and port: web-1.example.com, 192.0.2.1, "
	               "2001:db8::1");
}

int check_ip(struct slice text, struct err *err)
{
	char address[INET6_ADDRSTRLEN];

	if (address_of(text, address))
		return 0;
	return err_set(err, -EINVAL,
	               "must be an address: 192.0.2.1, 2001:db8::1");
}

/* --- paths and URLs ------------------------------------------------------- */

/* Bytes that may stand in a URL as they are; %, also what others escape. */
static bool is_url_text(struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c <= ' ' || c == 0x7f || strchr("\"#<>\\^`{|}", c))
			return false;
	}
	return text_is_printable(text);
}

/* Each becomes a label, __param_NAME: one that cannot be one would spoil the
 * whole list for a Prometheus. */
static int check_query(struct slice query, struct err *err)
{
	struct slice part, name;

	while (slice_next(&query, '&', &part)) {
		if (slice_next(&part, '=', &name) &&
		    check_label_name(name, NULL) < 0)
			return err_set(err, -EINVAL,
			               "has the parameter `" SLICE_FMT
			               "`, which Prometheus cannot be told: "
			               "names are letters, digits and `_`",
			               (int)MIN(name.n, 64), name.p);
	}
	return 0;
}

int check_path(struct slice text, struct err *err)
{
	struct slice query = text;
	struct slice path;

	if (text.n == 0)
		return 0;
	if (text.p[0] == '/' && text.n <= 2048 && is_url_text(text)) {
		(void)slice_next(&query, '?', &path);
		return check_query(query, err);
	}
	return err_set(err, -EINVAL,
	               "must begin with `/`, without blanks and `#`: "
	               "/metrics, /probe?module=a");
}

int check_web_url(struct slice text, struct err *err)
{
	struct slice rest = text, host;

	if (slice_starts(text, "http://"))
		rest = slice_skip(text, strlen("http://"));
	else if (slice_starts(text, "https://"))
		rest = slice_skip(text, strlen("https://"));
	host = rest;
	host.n = 0;
	while (host.n < rest.n && !strchr("/?", rest.p[host.n]))
		host.n++;
	if (host.n && rest.n < text.n && text.n <= 2048 && host.p[0] != ':' &&
	    is_url_text(text))
		return 0;
	return err_set(err, -EINVAL,
	               "must be a URL of http or https, without blanks and "
	               "`#`, 2048 bytes at most");
}

int check_optional_url(struct slice text, struct err *err)
{
	return text.n ? check_web_url(text, err) : 0;
}

/* --- sets of labels ------------------------------------------------------- */

static int check_set(const struct label_set *set, const char *const *reserved,
                     bool hidden, struct err *err)
{
	for (uint32_t i = 0; set && i < set->n; i++) {
		struct slice name = set->items[i].name;
		bool refused = hidden && slice_starts(name, "__");
		int rc = check_label_name(name, err);

		if (rc == 0)
			rc = check_lines(set->items[i].value, err);
		if (rc < 0) {
			err_wrap(err, "`" SLICE_FMT "`", (int)MIN(name.n, 64),
			         name.p);
			return rc;
		}
		for (const char *const *word = reserved; *word; word++)
			refused = refused || slice_is(name, *word);
		if (refused)
			return err_set(err, -EINVAL,
			               "`" SLICE_FMT "` is set by the registry "
			               "itself",
			               SLICE_ARG(name));
	}
	return 0;
}

int check_target_labels(const struct label_set *set, struct err *err)
{
	static const char *const reserved[] = { "service", "project", "farm",
		                                "job", NULL };

	return check_set(set, reserved, true, err);
}

/* `service` and `project` are made right when they are handed out. */
int check_rule_labels(const struct label_set *set, struct err *err)
{
	static const char *const reserved[] = { "alertname", NULL };

	return check_set(set, reserved, true, err);
}

int check_annotations(const struct label_set *set, struct err *err)
{
	static const char *const reserved[] = { NULL };

	return check_set(set, reserved, false, err);
}

int check_params(const struct label_set *set, struct err *err)
{
	static const char *const reserved[] = { NULL };
	uint64_t n_combinations = 1;
	int rc = check_set(set, reserved, false, err);

	for (uint32_t i = 0, from = 0; set && rc == 0 && i < set->n; i++) {
		if (i + 1 < set->n &&
		    slice_equal(set->items[i + 1].name, set->items[i].name))
			continue;
		n_combinations *= i + 1 - from;
		from = i + 1;
		if (n_combinations > PARAMS_MAX_COMBINATIONS)
			return err_set(err, -EINVAL,
			               "its values give more than %d "
			               "combinations",
			               PARAMS_MAX_COMBINATIONS);
	}
	return rc;
}
