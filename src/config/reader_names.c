/* SPDX-License-Identifier: Apache-2.0 */
/* The part of reader.h that judges names and addresses. */
#include "config/reader.h"

#include "base/number.h"
#include "base/signal_name.h"
#include "base/text.h"
#include "config/schema.h"
#include "proto/network.h"
#include "proto/url.h"

#define HTTP_PORT   80   /* of a gateway whose address names none */
#define DOCKER_PORT 2375 /* of an engine whose address names none */
#define TARGET_MAX  255  /* bytes; RUNTIME_NAME_MAX with its end */

/* --- addresses ----------------------------------------------------------- */

bool config_is_builtin(const char *push_gw)
{
	return slice_is(slice_from(push_gw), CONFIG_BUILTIN);
}

bool read_tls(const struct reader *reader, const char *key, const char *text)
{
	if (BOUNCER_TLS || (strncasecmp(text, "https:", 6) != 0 &&
	                    strncasecmp(text, "tcps:", 5) != 0))
		return true;
	reader_problem(reader, key,
	               "https needs TLS, which is not built in; use http://, "
	               "tcp:// or the path of a socket");
	return false;
}

/* The reasons name the part that is wrong and the remedy; the whole text is
 * not repeated, it may hold a password. */
static bool read_address(const struct reader *reader, const char *key,
                         const char *text, uint16_t port)
{
	struct err err = { 0 };
	struct url url;

	if (url_parse(slice_from(text), port, &url, &err) == 0)
		return read_tls(reader, key, text);
	reader_problem(reader, key, "not an address: %s", err.message);
	return false;
}

bool read_gateway(const struct reader *reader, const char *key,
                  const char *text)
{
	if (!text)
		return false;
	return config_is_builtin(text) ||
	       read_address(reader, key, text, HTTP_PORT);
}

bool read_server(const struct reader *reader, const char *key, const char *text)
{
	return text && read_address(reader, key, text, HTTP_PORT);
}

bool read_scrape(const struct reader *reader, const char *key, const char *text)
{
	struct err err = { 0 };
	struct slice target;
	struct url url;

	if (!text)
		return false;
	if (url_parse_target(slice_from(text), &url, &target, &err) < 0)
		reader_problem(reader, key, "not an address: %s", err.message);
	else if (slice_is(target, "/"))
		reader_problem(reader, key,
		               "has no path; exporters are read at a path such "
		               "as /metrics");
	else
		return read_tls(reader, key, text);
	return false;
}

bool read_network(const struct reader *reader, const char *key,
                  const char *text)
{
	struct network network;
	struct err err = { 0 };

	if (!text)
		return false;
	if (network_parse(slice_from(text), &network, &err) == 0)
		return true;
	reader_value(reader, key, text, "%s", err.message);
	return false;
}

bool read_endpoint(const struct reader *reader, const char *key,
                   const char *text, bool tcp)
{
	struct err err = { 0 };
	struct url url;

	if (!text)
		return false;
	if (url_parse(slice_from(text), DOCKER_PORT, &url, &err) < 0)
		reader_problem(reader, key, "not an address: %s", err.message);
	else if (url.scheme == URL_UNIX)
		return true;
	else if (!tcp)
		reader_problem(reader, key,
		               "this engine is reached through a socket; write "
		               "its path");
	else
		return read_tls(reader, key, text);
	return false;
}

bool read_listen(const struct reader *reader, const char *key, const char *text)
{
	struct err err = { 0 };
	struct url url;

	if (!text)
		return false;
	if (url_parse_listen(slice_from(text), &url, &err) == 0)
		return true;
	reader_value(reader, key, text, "is not an address to listen on: %s",
	             err.message);
	return false;
}

/* --- names --------------------------------------------------------------- */

bool read_target(const struct reader *reader, const char *key, const char *text)
{
	struct slice name = slice_from(text);

	if (!text)
		return false;
	if (name.n == 0)
		reader_problem(reader, key, "is empty");
	else if (name.n > TARGET_MAX)
		reader_value(reader, key, text, "is longer than %d bytes",
		             TARGET_MAX);
	else if (!text_is_printable(name) || memchr(name.p, '/', name.n) ||
	         slice_is(name, ".") || slice_is(name, ".."))
		reader_value(reader, key, text,
		             "is not a name; it must be without / and control "
		             "characters");
	else
		return true;
	return false;
}

bool read_identifier(const struct reader *reader, const char *key,
                     const char *text, bool colon)
{
	if (!text)
		return false;
	for (size_t i = 0; text[i] || i == 0; i++) {
		char c = text[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    c == '_' || (c == ':' && colon) ||
		    (c >= '0' && c <= '9' && i > 0))
			continue;
		reader_value(reader, key, text,
		             "is not the name of a %s; it is made of letters, "
		             "digits%s and _, and begins with no digit",
		             colon ? "metric" : "label", colon ? ", :" : "");
		return false;
	}
	return true;
}

bool read_signal(const struct reader *reader, const char *key, const char *text)
{
	struct slice name = slice_from(text);
	const char *nearest;

	if (!text)
		return false;
	if (signal_number(name))
		return true;

	nearest = text_nearest(name, signal_names, N_SIGNAL_NAMES);
	reader_value(reader, key, text,
	             "is not a signal; use a name like SIGTERM or a number "
	             "from 1 to %d%s%s%s",
	             SIGNAL_NUMBER_MAX, nearest ? "; did you mean " : "",
	             nearest ? nearest : "", nearest ? "?" : "");
	return false;
}
