/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "base/base64.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "io/atomic_file.h"

enum secret_kind { SECRET_TOKEN, SECRET_USER, SECRET_KEY };

/* Padded with zeros, so that comparing two never depends on their length. */
struct secret {
	enum secret_kind kind;
	size_t n;
	char bytes[AUTH_MAX_SECRET];
};

struct auth {
	size_t n_secrets;
	bool has_users;
	struct secret secrets[AUTH_MAX_SECRETS];
};

/* --- reading ------------------------------------------------------------ */

/* NULL, or why @line cannot be a secret. */
static const char *complaint(enum secret_kind kind, struct slice line)
{
	if (line.n > AUTH_MAX_SECRET)
		return "is too long; 256 bytes are the most";
	if (!text_is_printable(line))
		return "has control characters, or is not UTF-8";
	if (kind == SECRET_TOKEN &&
	    (memchr(line.p, ' ', line.n) || memchr(line.p, '\t', line.n)))
		return "has a blank in it; write one token a line";
	if (kind == SECRET_USER && !memchr(line.p, ':', line.n))
		return "is not user:password";
	return NULL;
}

static int add_line(struct auth *auth, enum secret_kind kind, unsigned number,
                    struct slice line, struct err *err)
{
	const char *why = complaint(kind, line);
	struct secret *secret;

	if (why)
		return err_set(err, -EINVAL, "line %u %s", number, why);
	if (auth->n_secrets == AUTH_MAX_SECRETS)
		return err_set(err, -E2BIG, "more than %d secrets",
		               AUTH_MAX_SECRETS);
	secret = &auth->secrets[auth->n_secrets++];
	secret->kind = kind;
	secret->n = line.n;
	memcpy(secret->bytes, line.p, line.n);
	return 0;
}

static int add_lines(struct auth *auth, enum secret_kind kind,
                     struct slice text, struct err *err)
{
	size_t n_before = auth->n_secrets;

	for (unsigned number = 1; text.n; number++) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		struct slice line = slice_make(text.p, n);
		int r;

		text = slice_skip(text, end ? n + 1 : n);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		line = slice_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		r = add_line(auth, kind, number, line, err);
		if (r < 0)
			return r;
	}
	if (auth->n_secrets == n_before)
		return err_set(err, -EINVAL,
		               "holds no secret; write one a line");
	return 0;
}

static int add_file(struct auth *auth, enum secret_kind kind, const char *path,
                    struct err *err)
{
	struct stat st;
	struct buf text;
	int r;

	if (stat(path, &st) < 0)
		return err_set_code(err, -errno, "%s cannot be read", path);
	if (st.st_mode & (S_IROTH | S_IWOTH))
		return err_set(err, -EPERM,
		               "%s can be read or written by everybody; "
		               "chmod o-rw it",
		               path);
	r = atomic_file_read(path, AUTH_MAX_FILE, &text, err);
	if (r == 0) {
		r = add_lines(auth, kind, buf_slice(&text), err);
		if (r < 0)
			err_wrap(err, "%s", path);
	}
	if (text.p)
		explicit_bzero(text.p, text.cap);
	buf_fini(&text);
	return r;
}

int auth_new(const char *token_file, const char *basic_file,
             struct auth **authp, struct err *err)
{
	struct auth *auth = mem_calloc(1, sizeof(*auth));
	int r = 0;

	if (!auth)
		return err_set(err, -ENOMEM, "out of memory");
	auth->has_users = basic_file != NULL;
	if (token_file)
		r = add_file(auth, SECRET_TOKEN, token_file, err);
	if (r == 0 && basic_file)
		r = add_file(auth, SECRET_USER, basic_file, err);
	if (r < 0) {
		auth_free(auth);
		return r;
	}
	*authp = auth;
	return 0;
}

int auth_new_keys(const char *file, struct auth **authp, struct err *err)
{
	struct auth *auth = mem_calloc(1, sizeof(*auth));
	int r;

	if (!auth)
		return err_set(err, -ENOMEM, "out of memory");
	r = add_file(auth, SECRET_KEY, file, err);
	if (r < 0)
		auth_free(auth);
	else
		*authp = auth;
	return r;
}

void auth_free(struct auth *auth)
{
	if (auth)
		explicit_bzero(auth, sizeof(*auth));
	mem_free(auth);
}

bool auth_has_users(const struct auth *auth)
{
	return auth->has_users;
}

/* --- asking ------------------------------------------------------------- */

/* All of it with all of them, whatever is found on the way. */
static bool is_known(const struct auth *auth, enum secret_kind kind,
                     struct slice given)
{
	char padded[AUTH_MAX_SECRET] = { 0 };
	unsigned n_equal = 0;

	if (given.n == 0 || given.n > sizeof(padded))
		return false;
	memcpy(padded, given.p, given.n);
	for (size_t i = 0; i < auth->n_secrets; i++) {
		const struct secret *secret = &auth->secrets[i];
		size_t differs = (secret->n ^ given.n) |
		                 (unsigned)(secret->kind != kind);

		for (size_t at = 0; at < sizeof(padded); at++)
			differs |=
				(unsigned char)(padded[at] ^ secret->bytes[at]);
		n_equal += differs == 0;
	}
	explicit_bzero(padded, sizeof(padded));
	return n_equal > 0;
}

bool auth_knows(const struct auth *auth, struct slice token)
{
	return is_known(auth, SECRET_TOKEN, token);
}

static bool is_known_user(const struct auth *auth, struct slice encoded)
{
	struct buf given;
	bool known = false;

	buf_init(&given, AUTH_MAX_SECRET);
	if (base64_decode(&given, encoded) == 0)
		known = is_known(auth, SECRET_USER, buf_slice(&given));
	if (given.p)
		explicit_bzero(given.p, given.cap);
	buf_fini(&given);
	return known;
}

bool auth_admits(const struct auth *auth, const struct http_message *message)
{
	struct slice header = http_message_header(message, "authorization");
	struct slice scheme = header;
	const char *blank;

	if (!header.p)
		return false;
	blank = memchr(header.p, ' ', header.n);
	if (!blank)
		return false;
	scheme.n = (size_t)(blank - header.p);
	header = slice_trim(slice_skip(header, scheme.n));
	if (slice_is_nocase(scheme, "Bearer"))
		return is_known(auth, SECRET_TOKEN, header);
	return slice_is_nocase(scheme, "Basic") && is_known_user(auth, header);
}

static bool read_code(struct slice text, uint8_t code[SHA256_SIZE])
{
	text = slice_trim(text);
	if (text.n > 7 && strncasecmp(text.p, "sha256=", 7) == 0)
		text = slice_skip(text, 7);
	if (text.n != (size_t)2 * SHA256_SIZE)
		return false;
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		int high = text_hex_digit(text.p[2 * i]);
		int low = text_hex_digit(text.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		code[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool auth_signs(const struct auth *auth, struct slice body,
                struct slice signature)
{
	uint8_t given[SHA256_SIZE];
	unsigned n_equal = 0;

	if (!signature.p || !read_code(signature, given))
		return false;
	for (size_t i = 0; i < auth->n_secrets; i++) {
		const struct secret *secret = &auth->secrets[i];
		uint8_t own[SHA256_SIZE];
		unsigned differs = secret->kind != SECRET_KEY;

		hmac_sha256(slice_make(secret->bytes, secret->n), body, own);
		for (size_t at = 0; at < SHA256_SIZE; at++)
			differs |= own[at] ^ given[at];
		n_equal += differs == 0;
	}
	return n_equal > 0;
}
