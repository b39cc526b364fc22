/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/push_path.h"

#include <errno.h>
#include "base/number.h"
#include "base/text.h"
#include "proto/quote.h"

#define BASE64_SUFFIX "@base64"
#define MAX_TEXT      (16u << 20) /* of all names and values of a key */
#define MAX_EXIT_CODE 255
#define NO_DIGIT      0xffu

void push_key_init(struct push_key *key)
{
	key->n_labels = 0;
	buf_init(&key->text, MAX_TEXT);
}

void push_key_fini(struct push_key *key)
{
	key->n_labels = 0;
	buf_fini(&key->text);
}

struct slice push_key_label(const struct push_key *key, const char *name)
{
	for (size_t i = 0; i < key->n_labels; i++) {
		if (slice_is(key->labels[i].name, name))
			return key->labels[i].value;
	}
	return (struct slice){ 0 };
}

/* --- base64 ---------------------------------------------------------------- */

/* RFC 4648, section 5: other than base/base64 only this alphabet, and any
 * number of padding at the end; line ends and bits that are too many are
 * skipped. So it is in the original. */
static unsigned digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : NO_DIGIT;
}

static bool is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

/* Where it stops to be base64; its length: nowhere. */
static size_t good_length(struct slice text)
{
	size_t n_digits = 0;
	size_t last = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (is_line_end(text.p[i]))
			continue;
		if (digit_of(text.p[i]) == NO_DIGIT)
			return i;
		n_digits++;
		last = i;
	}
	return n_digits % 4 == 1 ? last : text.n;
}

/* In its own place; the digits must be good. Returns the length. */
static size_t decode_in_place(char *bytes, size_t n)
{
	unsigned word = 0;
	unsigned n_bits = 0;
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_line_end(bytes[i]))
			continue;
		word = word << 6 | digit_of(bytes[i]);
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			bytes[to++] = (char)(word >> n_bits & 0xff);
		}
	}
	return to;
}

static struct slice without_padding(struct slice text)
{
	while (text.n > 0 && text.p[text.n - 1] == '=')
		text.n--;
	return text;
}

/* --- parts of a path ------------------------------------------------------- */

/* What follows the slash at the front of *restp, up to the next one. */
static struct slice take_part(struct slice *restp)
{
	struct slice part = slice_skip(*restp, 1);
	const char *slash = part.n ? memchr(part.p, '/', part.n) : NULL;

	if (slash)
		part.n = (size_t)(slash - part.p);
	*restp = slice_skip(*restp, part.n + 1);
	return part;
}

static size_t count_parts(struct slice rest)
{
	size_t n = 0;

	while (rest.n > 0) {
		(void)take_part(&rest);
		n++;
	}
	return n;
}

static unsigned hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return NO_DIGIT;
}

/* Resolves percent escapes. Appends to `text`, which has room for the whole
 * path and therefore does not move. */
static int unescape(struct push_key *key, struct slice part, struct slice *outp,
                    struct err *err)
{
	char *start = key->text.p + key->text.n;
	char *to = start;

	for (size_t i = 0; i < part.n; i++) {
		unsigned high = NO_DIGIT;
		unsigned low = NO_DIGIT;
		char quoted[QUOTE_TEXT_SIZE];

		if (part.p[i] != '%') {
			*to++ = part.p[i];
			continue;
		}
		if (part.n - i > 2) {
			high = hex_of(part.p[i + 1]);
			low = hex_of(part.p[i + 2]);
		}
		if (high == NO_DIGIT || low == NO_DIGIT)
			return err_set(err, -EINVAL,
			               "bad percent escape in path: %s",
			               quote_text(part, quoted));
		*to++ = (char)(high << 4 | low);
		i += 2;
	}
	*outp = slice_make(start, (size_t)(to - start));
	key->text.n += outp->n;
	return 0;
}

/* Takes the suffix off a label's name. */
static bool take_suffix(struct slice *namep)
{
	const size_t n = sizeof(BASE64_SUFFIX) - 1;

	if (namep->n < n ||
	    memcmp(namep->p + namep->n - n, BASE64_SUFFIX, n) != 0)
		return false;
	namep->n -= n;
	return true;
}

/* A label's value out of its part. */
static int read_value(struct push_key *key, struct slice name, bool encoded,
                      struct slice part, struct slice *valuep, struct err *err)
{
	char quoted[QUOTE_TEXT_SIZE];
	struct slice digits;
	char *bytes;
	size_t good;
	int r;

	r = unescape(key, part, valuep, err);
	if (r < 0 || !encoded)
		return r;
	digits = without_padding(*valuep);
	good = good_length(digits);
	bytes = key->text.p + key->text.n - valuep->n;
	if (good == digits.n) {
		valuep->n = decode_in_place(bytes, digits.n);
		return 0;
	}
	if (slice_is(name, "job")) {
		/* what comes before it, as far as whole bytes go */
		digits.n = decode_in_place(bytes, good / 4 * 4);
		return err_set(err, -EINVAL,
		               "invalid base64 encoding in job name %s: "
		               "illegal base64 data at input byte %zu",
		               quote_text(digits, quoted), good);
	}
	return err_set(err, -EINVAL,
	               "invalid base64 encoding for label " SLICE_FMT
	               "=%s: illegal base64 data at input byte %zu",
	               SLICE_ARG(name), quote_text(*valuep, quoted), good);
}

/* --- labels ------------------------------------------------------------------ */

static bool is_label_name(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      c == '_' || (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return name.n > 0 && !slice_starts(name, "__");
}

static int check_name(struct slice name, struct err *err)
{
	char quoted[QUOTE_TEXT_SIZE];

	if (is_label_name(name))
		return 0;
	return err_set(err, -EINVAL, "improper label name %s",
	               quote_text(name, quoted));
}

static bool is_utf8(struct slice text)
{
	while (text.n > 0) {
		size_t n = text_utf8_length(text);

		if (n == 0)
			return false;
		text = slice_skip(text, n);
	}
	return true;
}

/* The last value of a name counts, but of `job` the first. */
static int put_label(struct push_key *key, struct slice name,
                     struct slice value, struct err *err)
{
	char quoted[QUOTE_TEXT_SIZE];

	if (!is_utf8(value))
		return err_set(err, -EINVAL,
		               "value of label \"" SLICE_FMT
		               "\" is not UTF-8: %s",
		               SLICE_ARG(name), quote_text(value, quoted));
	for (size_t i = 0; i < key->n_labels; i++) {
		if (!slice_equal(key->labels[i].name, name))
			continue;
		if (!slice_is(name, "job"))
			key->labels[i].value = value;
		return 0;
	}
	if (key->n_labels == PUSH_PATH_MAX_LABELS)
		return err_set(err, -EINVAL, "more than %d labels",
		               PUSH_PATH_MAX_LABELS);
	key->labels[key->n_labels++] = (struct label){ name, value };
	return 0;
}

static bool comes_before(const struct label *a, const struct label *b)
{
	return slice_compare(a->name, b->name) < 0;
}

/* Leaves out what is empty, and sorts. */
static int finish(struct push_key *key, struct err *err)
{
	size_t n = 0;

	if (push_key_label(key, "job").n == 0)
		return err_set(err, -EINVAL, "job name is required");
	for (size_t i = 0; i < key->n_labels; i++) {
		struct label label = key->labels[i];
		size_t at = n;

		if (label.value.n == 0)
			continue;
		for (; at > 0 && comes_before(&label, &key->labels[at - 1]);
		     at--)
			key->labels[at] = key->labels[at - 1];
		key->labels[at] = label;
		n++;
	}
	key->n_labels = n;
	return 0;
}

static int begin(struct push_key *key, size_t n_bytes, struct err *err)
{
	int r;

	err_clear(err);
	key->n_labels = 0;
	buf_reset(&key->text);
	r = buf_reserve(&key->text, n_bytes);
	if (r == -E2BIG)
		return err_set(err, -EINVAL, "labels longer than %u bytes",
		               MAX_TEXT);
	return r;
}

/* --- a path -------------------------------------------------------------------- */

/*
 * {/LABEL/VALUE}. An empty value at the end of the path is the slash that
 * many write there; elsewhere it is a variable that was not set, and is
 * refused (the original redirects to a path without it). @strict: at the end,
 * too.
 */
static int parse_pairs(struct push_key *key, struct slice rest, bool strict,
                       struct err *err)
{
	char quoted[QUOTE_TEXT_SIZE];

	if (rest.n <= 1)
		return 0;
	if (count_parts(rest) % 2 != 0)
		return err_set(err, -EINVAL,
		               "odd number of components in label string %s",
		               quote_text(rest, quoted));
	while (rest.n > 0) {
		struct slice name;
		struct slice value;
		struct slice part;
		bool encoded;
		int r = unescape(key, take_part(&rest), &name, err);

		if (r < 0)
			return r;
		part = take_part(&rest);
		encoded = take_suffix(&name);
		r = check_name(name, err);
		if (r < 0)
			return r;
		if (part.n == 0 && (rest.n > 0 || strict))
			return err_set(err, -EINVAL,
			               "empty value of label \"" SLICE_FMT
			               "\"; write it as " SLICE_FMT "@base64/=",
			               SLICE_ARG(name), SLICE_ARG(name));
		r = read_value(key, name, encoded, part, &value, err);
		if (r == 0)
			r = put_label(key, name, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int push_path_parse(struct slice path, struct push_key *key, struct err *err)
{
	struct slice job = slice_from("job");
	struct slice value;
	struct slice name;
	bool encoded;
	int r;

	r = begin(key, path.n, err);
	if (r < 0)
		return r;
	if (path.n == 0 || path.p[0] != '/')
		return -ENOENT;
	r = unescape(key, take_part(&path), &name, err);
	if (r < 0)
		return r;
	encoded = take_suffix(&name);
	if (!slice_equal(name, job) || path.n == 0)
		return -ENOENT;

	r = read_value(key, job, encoded, take_part(&path), &value, err);
	if (r == 0)
		r = put_label(key, job, value, err);
	if (r == 0)
		r = parse_pairs(key, path, false, err);
	return r < 0 ? r : finish(key, err);
}

/* --- a ping -------------------------------------------------------------------- */

/* What the last part may say; -ENOENT: it is none of these. */
static int parse_verdict(struct slice word, struct ping *ping, struct err *err)
{
	uint64_t code;
	int r;

	if (slice_is(word, "start") || slice_is(word, "fail")) {
		ping->kind = slice_is(word, "start") ? PING_START : PING_FAIL;
		return 0;
	}
	r = number_parse_u64(word, &code);
	if (r == -EINVAL)
		return -ENOENT;
	if (r < 0 || code > MAX_EXIT_CODE)
		return err_set(err, -EINVAL,
		               "exit code " SLICE_FMT " is not from 0 to %d",
		               (int)MIN(word.n, (size_t)QUOTE_TEXT_SIZE),
		               word.p, MAX_EXIT_CODE);
	ping->kind = code == 0 ? PING_OK : PING_FAIL;
	ping->exit_code = (int)code;
	return 0;
}

/* The job of a ping: its first part, or its first two if that is
 * "job@base64". */
static int take_ping_job(struct push_key *key, struct slice *restp,
                         struct err *err)
{
	struct slice job = slice_from("job");
	struct slice part = take_part(restp);
	bool encoded = slice_is(part, "job" BASE64_SUFFIX);
	struct ping ignored;
	struct slice value;
	int r;

	if (encoded)
		part = restp->n ? take_part(restp) : *restp;
	else if (restp->n <= 1 &&
	         parse_verdict(part, &ignored, NULL) != -ENOENT)
		return err_set(err, -EINVAL,
		               "job name is required before \"" SLICE_FMT
		               "\"; if it is the job's name, write it as "
		               "job@base64/…",
		               (int)MIN(part.n, (size_t)QUOTE_TEXT_SIZE),
		               part.p);
	r = read_value(key, job, encoded, part, &value, err);
	return r < 0 ? r : put_label(key, job, value, err);
}

/* Splits off what follows the last slash of *restp. */
static struct slice take_last_part(struct slice *restp)
{
	struct slice part = *restp;

	while (restp->p[--restp->n] != '/')
		;
	return slice_skip(part, restp->n + 1);
}

int ping_path_parse(struct slice path, struct push_key *key, struct ping *ping,
                    struct err *err)
{
	char quoted[QUOTE_TEXT_SIZE];
	int r;

	*ping = (struct ping){ .kind = PING_OK, .exit_code = -1 };
	r = begin(key, path.n, err);
	if (r < 0)
		return r;
	if (path.n == 0 || path.p[0] != '/')
		return -ENOENT;
	r = take_ping_job(key, &path, err);
	if (r < 0)
		return r;
	if (path.n > 1 && count_parts(path) % 2 != 0) {
		struct slice labels = path;

		r = parse_verdict(take_last_part(&labels), ping, err);
		if (r == -ENOENT)
			return err_set(err, -EINVAL,
			               "odd number of components in label "
			               "string %s, and the last is not start, "
			               "fail or an exit code",
			               quote_text(path, quoted));
		if (r < 0)
			return r;
		path = labels;
	}
	r = parse_pairs(key, path, true, err);
	return r < 0 ? r : finish(key, err);
}

/* --- not a path ------------------------------------------------------------------ */

static struct slice keep(struct push_key *key, struct slice text)
{
	struct slice kept = slice_make(key->text.p + key->text.n, text.n);

	(void)buf_append(&key->text, text.p, text.n);
	return kept;
}

int push_key_set(struct push_key *key, const struct label *labels,
                 size_t n_labels, struct err *err)
{
	size_t n_bytes = 0;
	int r;

	for (size_t i = 0; i < n_labels; i++)
		n_bytes += labels[i].name.n + labels[i].value.n;
	r = begin(key, n_bytes, err);
	for (size_t i = 0; i < n_labels && r == 0; i++) {
		r = check_name(labels[i].name, err);
		if (r == 0)
			r = put_label(key, keep(key, labels[i].name),
			              keep(key, labels[i].value), err);
	}
	return r < 0 ? r : finish(key, err);
}
