/* SPDX-License-Identifier: Apache-2.0 */
#include "command/registry_source.h"

#include <errno.h>
#include <inttypes.h>
#include "command/input.h"

#define PAGE_SIZE 1000
#define MAX_PAGES 10000
#define MAX_PATH  256

bool source_is_url(const char *place)
{
	return strstr(place, "://") != NULL;
}

const char *source_name(const char *place)
{
	return source_is_url(place) ? "what is answered there"
	                            : input_name(place);
}

static int open_source(const struct command_io *io,
                       const struct source_options *options, const char *url,
                       struct client **clientp)
{
	const struct client_options own = {
		.url = url,
		.token_file = options->token_file,
		.user_file = options->user_file,
		.timeout_ms = options->timeout_ms ? options->timeout_ms
		                                  : PLAN_TIMEOUT_MS,
		.foreign = true,
		.scheme = "Token",
		.token_option = "--source-token-file",
	};

	return client_open(clientp, io, &own, CLIENT_GATE);
}

/* --- one answer ----------------------------------------------------------- */

static int get(struct client *client, const char *path,
               struct client_call *call)
{
	*call = (struct client_call){ .target = slice_from(path) };
	client_exchange(client, call);
	return client_complain(client, call, NULL);
}

static int get_json(struct client *client, const char *path,
                    struct client_call *call)
{
	struct err err;
	int code = get(client, path, call);

	if (code != EXIT_OK ||
	    json_parse(buf_slice(&call->reply), &call->root, &err) == 0)
		return code;
	call->root = NULL;
	(void)fprintf(client->io->err,
	              "bouncer: %s is answered with no JSON: "
	              "%s\n",
	              path, err.message);
	return EXIT_TROUBLE;
}

/* A failure stays in @out. */
static void print(const struct json_t *value, struct buf *out)
{
	int r = json_print(value, out);

	if (r < 0 && !out->failed)
		out->failed = r;
}

/* A member of the dump: the answer as it is, or as a text. */
static int add_document(struct client *client, const char *key,
                        const char *path, bool text, struct buf *out)
{
	struct client_call call;
	struct json_writer json;
	int code =
		text ? get(client, path, &call) : get_json(client, path, &call);

	(void)buf_puts(out, key);
	json_write_init(&json, out);
	if (code == EXIT_OK && text)
		json_write_slice(&json, buf_slice(&call.reply));
	else if (code == EXIT_OK)
		print(call.root, out);
	client_call_fini(&call);
	return code;
}

/* --- lists of v2 ---------------------------------------------------------- */

struct listing {
	struct client *client;
	struct buf *out;
	bool some; /* an element was written */
};

static int add_farm(struct listing *listing, const struct json_t *farm);

static int add_items(struct listing *listing, const struct json_t *items,
                     bool farms)
{
	int code = EXIT_OK;

	for (size_t i = 0; code == EXIT_OK && i < json_count(items); i++) {
		if (listing->some)
			(void)buf_putc(listing->out, ',');
		listing->some = true;
		if (farms)
			code = add_farm(listing, json_item(items, i));
		else
			print(json_item(items, i), listing->out);
	}
	return code;
}

/* All pages; what is no page is a list. */
static int add_pages(struct listing *listing, const char *path, bool farms)
{
	bool more = true;
	int code = EXIT_OK;

	for (unsigned page = 1; code == EXIT_OK && more && page <= MAX_PAGES;
	     page++) {
		struct client_call call;
		char full[MAX_PATH];
		const struct json_t *items;

		(void)snprintf(full, sizeof(full),
		               "%s?page_number=%u&page_size=%d", path, page,
		               PAGE_SIZE);
		code = get_json(listing->client, full, &call);
		items = json_is_map(call.root) ? json_get(call.root, "results")
		                               : call.root;
		more = json_as_text(json_get(call.root, "next")).n > 0;
		if (code == EXIT_OK)
			code = add_items(listing, items, farms);
		client_call_fini(&call);
	}
	return code;
}

/* With its hosts, which are a list of their own. */
static int add_farm(struct listing *listing, const struct json_t *farm)
{
	struct listing hosts = { listing->client, listing->out, false };
	char path[MAX_PATH];
	int code;

	print(farm, listing->out);
	if (listing->out->failed || listing->out->n < 2)
		return EXIT_OK;
	listing->out->n--; /* the object goes on */
	(void)buf_printf(listing->out, "%s\"hosts\":[",
	                 json_n_members(farm) ? "," : "");
	(void)snprintf(path, sizeof(path), "/rest/v2/farms/%" PRId64 "/hosts",
	               json_as_int(json_get(farm, "id"), 0));
	code = add_pages(&hosts, path, false);
	(void)buf_puts(listing->out, "]}");
	return code;
}

static int add_v2(struct client *client, struct buf *out)
{
	static const char *const lists[] = {
		"shards",    "probes", "services", "projects", "farms",
		"exporters", "urls",   "rules",    "notifiers"
	};
	int code = EXIT_OK;

	(void)buf_puts(out, ",\"v2\":{");
	for (size_t i = 0; code == EXIT_OK && i < ARRAY_SIZE(lists); i++) {
		struct listing listing = { client, out, false };
		char path[MAX_PATH];

		(void)buf_printf(out, "%s\"%s\":[", i ? "," : "", lists[i]);
		(void)snprintf(path, sizeof(path), "/rest/v2/%s", lists[i]);
		code = add_pages(&listing, path,
		                 strcmp(lists[i], "farms") == 0);
		(void)buf_putc(out, ']');
	}
	(void)buf_putc(out, '}');
	return code;
}

/* --- the whole ------------------------------------------------------------ */

static int read_promgen(struct client *client, bool v2, struct buf *out)
{
	int code = add_document(client, "{\"targets\":", "/api/v1/targets",
	                        false, out);

	if (code == EXIT_OK)
		code = add_document(client, ",\"urls\":", "/api/v1/urls", false,
		                    out);
	if (code == EXIT_OK)
		code = add_document(client, ",\"rules\":", "/api/v1/rules",
		                    true, out);
	if (code == EXIT_OK && v2)
		code = add_v2(client, out);
	(void)buf_putc(out, '}');
	return code;
}

static int read_one(struct client *client, const char *path, struct buf *out)
{
	struct client_call call;
	int code = get(client, path, &call);

	if (code == EXIT_OK)
		(void)buf_append(out, call.reply.p, call.reply.n);
	client_call_fini(&call);
	return code;
}

/* Where the document of an address begins, its path; NULL: said what is wrong
 * with it. */
static const char *find_path(const struct command_io *io, const char *address)
{
	struct err err = { 0 };
	struct slice target;
	struct url url;

	if (url_parse_target(slice_from(address), &url, &target, &err) < 0)
		(void)fprintf(io->err, "bouncer: %s\n", err.message);
	else if (slice_is(target, "/"))
		(void)fprintf(io->err,
		              "bouncer: this is the address of no document; "
		              "Promgen has one at /api/v1/targets, and bouncer "
		              "registry import reads all\n");
	else
		return target.p;
	return NULL;
}

static int read_document(const struct command_io *io,
                         const struct source_options *options,
                         const char *address, struct buf *out)
{
	char server[URL_MAX_LENGTH + 1];
	const char *path = find_path(io, address);
	struct client *client;
	int code;

	if (!path)
		return EXIT_USAGE;
	(void)snprintf(server, sizeof(server), "%.*s", (int)(path - address),
	               address);
	code = open_source(io, options, server, &client);
	if (code != EXIT_OK)
		return code;
	return client_close(client, read_one(client, path, out));
}

static int read_all(const struct command_io *io,
                    const struct source_options *options, const char *url,
                    struct buf *out)
{
	struct client *client;
	int code = open_source(io, options, url, &client);

	if (code != EXIT_OK)
		return code;
	code = strcmp(options->from, "prommgr") == 0
	               ? read_one(client, "/api/servers", out)
	               : read_promgen(client, options->token_file != NULL, out);
	return client_close(client, code);
}

int source_read(const struct command_io *io,
                const struct source_options *options, const char *place,
                bool whole, struct buf *out)
{
	int code;

	if (!source_is_url(place))
		code = input_read(io, place, out);
	else if (whole)
		code = read_all(io, options, place, out);
	else
		code = read_document(io, options, place, out);
	if (code != EXIT_OK || !out->failed)
		return code;
	if (out->failed == -ENOMEM)
		return command_no_memory(io);
	(void)fprintf(io->err, "bouncer: %s: more than %zu MiB\n",
	              source_name(place), out->max >> 20);
	return EXIT_TROUBLE;
}
