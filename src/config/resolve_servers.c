/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus servers and exporters: where they are, and how they are asked. */
#include "config/resolve.h"

#include <errno.h>
#include "base/text.h"

/* --- servers --------------------------------------------------------------- */

/* A part of the text, up to a comma or a blank; those before it are skipped. */
static bool next_url(const char **restp, struct slice *urlp)
{
	static const char between[] = ", \t\r\n";
	const char *begin = *restp + strspn(*restp, between);
	size_t n = strcspn(begin, between);

	*restp = begin + n;
	*urlp = slice_make(begin, n);
	return n > 0;
}

static unsigned count_urls(const char *text)
{
	struct slice url;
	unsigned n = 0;

	while (next_url(&text, &url))
		n++;
	return n;
}

static bool check_urls(const struct reader *reader, const char *key,
                       const char *const *urls, unsigned n)
{
	bool good = true;

	for (unsigned i = 0; i < n; i++) {
		good = read_server(reader, key, urls[i]) && good;
		for (unsigned k = 0; k < i; k++) {
			/* each text is kept once */
			if (urls[k] != urls[i])
				continue;
			reader_problem(reader, key,
			               "names a server twice; keep one");
			good = false;
		}
	}
	return good;
}

bool resolve_servers(struct resolve *resolve, const struct reader *reader,
                     const char *key, const char *text,
                     struct servers_given *servers)
{
	unsigned n;
	const char **urls;
	struct slice url;

	if (!text)
		return false;
	n = count_urls(text);
	if (n == 0 || n > CONFIG_MAX_SERVERS) {
		reader_problem(reader, key,
		               "names %u servers; 1 to %d may be given, with "
		               "commas between them",
		               n, CONFIG_MAX_SERVERS);
		return false;
	}
	urls = arena_calloc(resolve->memory, n + 1, sizeof(*urls));
	for (unsigned i = 0; urls && next_url(&text, &url); i++) {
		const char *copy = arena_copy(resolve->memory, url);

		urls[i] = copy ? resolve_text(resolve, copy) : NULL;
		if (!urls[i])
			urls = NULL;
	}
	if (!urls) {
		resolve->failed = -ENOMEM;
		return false;
	}
	servers->urls = urls;
	servers->n = n;
	return check_urls(reader, key, urls, n);
}

/* --- credentials ------------------------------------------------------------ */

static bool check_header(const struct reader *reader, const char *name,
                         const char *value)
{
	if (!resolve_header_name(reader, name))
		return false;
	if (text_is_printable(slice_from(value)))
		return true;
	reader_problem(reader, name, "contains control characters");
	return false;
}

static void read_headers(struct resolve *resolve, const struct place *place,
                         struct config_credentials *credentials)
{
	struct config_label pairs[CONFIG_MAX_LABELS];
	struct config_label *kept;
	uint8_t n = 0;

	resolve_pairs(resolve, place, "{X-Scope-OrgID: team}", check_header,
	              pairs, &n);
	kept = arena_calloc(resolve->memory, n + 1u, sizeof(*kept));
	if (!kept) {
		resolve->failed = -ENOMEM;
		return;
	}
	memcpy(kept, pairs, n * sizeof(*kept));
	credentials->headers = kept;
	credentials->n_headers = n;
}

/* Who we are is said in one way: each of the two replaces both. */
void resolve_credentials(struct resolve *resolve, const struct reader *reader,
                         const struct raw_credentials *raw,
                         struct config_credentials *credentials)
{
	struct place headers = reader_place(reader, "headers");

	if (raw->token_file && raw->basic_auth_file)
		reader_problem(reader, "basic_auth_file",
		               "is given beside token_file; a request has "
		               "only one Authorization, so keep one");
	if (raw->token_file || raw->basic_auth_file) {
		credentials->token_file = resolve_file(
			resolve, reader, "token_file", raw->token_file);
		credentials->basic_auth_file =
			resolve_file(resolve, reader, "basic_auth_file",
		                     raw->basic_auth_file);
	}
	if (place_find(&headers))
		read_headers(resolve, &headers, credentials);
}

void resolve_prometheus(struct resolve *resolve,
                        const struct raw_credentials *raw)
{
	struct place place = { .up = &resolve->root, .key = "prometheus" };
	struct reader reader = { .problems = resolve->problems,
		                 .place = &place };

	resolve_credentials(resolve, &reader, raw,
	                    &resolve->defaults.credentials);
}
