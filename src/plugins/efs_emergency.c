/* SPDX-License-Identifier: Apache-2.0 */
/*
 * efs_emergency: switches the throughput mode of an EFS file system, as a rule
 * to elastic when its burst credits run out.
 * https://docs.aws.amazon.com/efs/latest/ug/API_UpdateFileSystem.html
 *
 * Which file system: `file_system_id`, or else the value of the label that
 * `file_system_prometheus_label` names. Credentials: `credentials_file` (or
 * AWS_SHARED_CREDENTIALS_FILE) with `profile`, else AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. The file is read each time, as
 * it may be renewed; it is small and local.
 */
#include <bouncer/plugin.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plugins/sigv4.h"

#define SERVICE      "elasticfilesystem"
#define API          "/2015-02-01/file-systems/"
#define CONTENT_TYPE "application/json"
#define LINES_MAX    10000 /* of a file of credentials */
#define WORDS        250
#define HOST_MAX     300

enum {
	ID,
	LABEL,
	REGION,
	ENDPOINT,
	MODE,
	MIBPS,
	CREDENTIALS,
	PROFILE,
	N_VALUES,
};

struct credentials {
	char key_id[160];
	char secret[200];
	char token[4096];
};

struct state {
	char id[64];
	struct credentials credentials;
};

/* --- credentials --------------------------------------------------------------- */

static bool keep(char *out, size_t size, const char *value)
{
	int n = snprintf(out, size, "%s", value);

	return n > 0 && (size_t)n < size;
}

static char *trim(char *text)
{
	size_t n;

	text += strspn(text, " \t");
	n = strlen(text);
	while (n > 0 && strchr(" \t\r\n", text[n - 1]))
		text[--n] = '\0';
	return text;
}

static void take_line(struct credentials *found, char *line)
{
	char *equals = strchr(line, '=');
	const char *name;
	const char *value;

	if (!equals)
		return;
	*equals = '\0';
	name = trim(line);
	value = trim(equals + 1);
	if (strcmp(name, "aws_access_key_id") == 0)
		(void)keep(found->key_id, sizeof(found->key_id), value);
	else if (strcmp(name, "aws_secret_access_key") == 0)
		(void)keep(found->secret, sizeof(found->secret), value);
	else if (strcmp(name, "aws_session_token") == 0)
		(void)keep(found->token, sizeof(found->token), value);
}

static int read_file(const char *path, const char *profile,
                     struct credentials *found)
{
	FILE *file = fopen(path, "re");
	char line[sizeof(found->token) + 64];
	char section[128];
	bool inside = false;

	if (!file)
		return -errno;
	(void)snprintf(section, sizeof(section), "[%s]", profile);
	for (int i = 0; i < LINES_MAX && fgets(line, sizeof(line), file); i++) {
		char *text = trim(line);

		if (text[0] == '[')
			inside = strcmp(text, section) == 0;
		else if (inside && text[0] != '#')
			take_line(found, text);
	}
	explicit_bzero(line, sizeof(line));
	(void)fclose(file);
	return 0;
}

static void read_environment(struct credentials *found)
{
	const char *key_id = getenv("AWS_ACCESS_KEY_ID");
	const char *secret = getenv("AWS_SECRET_ACCESS_KEY");
	const char *token = getenv("AWS_SESSION_TOKEN");

	(void)keep(found->key_id, sizeof(found->key_id), key_id ? key_id : "");
	(void)keep(found->secret, sizeof(found->secret), secret ? secret : "");
	(void)keep(found->token, sizeof(found->token), token ? token : "");
}

static bool find_credentials(struct bouncer_action *action, char *words)
{
	struct state *state = action->state;
	const char *path = action->values[CREDENTIALS].text;
	const char *profile = action->values[PROFILE].text;
	int r = 0;

	if (path)
		r = read_file(path, profile, &state->credentials);
	else
		read_environment(&state->credentials);
	if (r < 0) {
		(void)snprintf(words, WORDS, "credentials_file %.150s: %s",
		               path, strerror(-r));
		return false;
	}
	if (state->credentials.key_id[0] && state->credentials.secret[0])
		return true;
	(void)snprintf(words, WORDS, "there are no credentials %s%.100s",
	               path ? "for that profile in "
	                    : "in AWS_ACCESS_KEY_ID and "
	                      "AWS_SECRET_ACCESS_KEY",
	               path ? path : "");
	return false;
}

/* --- the request ------------------------------------------------------------------ */

/* It becomes a part of a path. */
static bool is_id(const char *text)
{
	size_t n = strncmp(text, "fs-", 3) == 0
	                   ? strspn(text + 3, "0123456789abcdef")
	                   : 0;

	return n >= 8 && n <= 40 && text[3 + n] == '\0';
}

static bool find_id(struct bouncer_action *action, char *words)
{
	struct state *state = action->state;
	const char *id = action->values[ID].text;
	const char *label = action->values[LABEL].text;

	if (!id && label) {
		id = bouncer_find_label(action->context, label);
		if (!id) {
			(void)snprintf(words, WORDS,
			               "the series has no label %.100s: it "
			               "would say which file system is meant",
			               label);
			return false;
		}
	}
	if (id && is_id(id))
		return keep(state->id, sizeof(state->id), id);
	(void)snprintf(words, WORDS,
	               "\"%.60s\" is no file system: fs- and 8 to 40 "
	               "hexadecimal digits",
	               id ? id : "");
	return false;
}

static void find_endpoint(const struct bouncer_value *values, char *endpoint)
{
	const char *region = values[REGION].text;

	if (values[ENDPOINT].text)
		(void)snprintf(endpoint, HOST_MAX, "%s", values[ENDPOINT].text);
	else
		(void)snprintf(endpoint, HOST_MAX,
		               "https://" SERVICE ".%s.amazonaws.com%s", region,
		               strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

static void on_answer(struct bouncer_action *action,
                      const struct bouncer_http_answer *answer, void *data)
{
	const struct state *state = action->state;
	char words[WORDS];

	(void)data;
	if (answer->error && answer->status == 0)
		(void)snprintf(words, sizeof(words), "%s", answer->words);
	else if (answer->status / 100 == 2)
		(void)snprintf(words, sizeof(words), "%s: throughput mode %s",
		               state->id, action->values[MODE].text);
	else
		(void)snprintf(words, sizeof(words), "%s: AWS says %d: %.150s",
		               state->id, answer->status, answer->body);
	action->host->complete(
		action, answer->status / 100 == 2 ? BOUNCER_OK : BOUNCER_FAILED,
		words);
}

static size_t write_body(const struct bouncer_value *values, char *out,
                         size_t size)
{
	if (values[MIBPS].text)
		(void)snprintf(out, size,
		               "{\"ProvisionedThroughputInMibps\":%lld,"
		               "\"ThroughputMode\":\"%s\"}",
		               (long long)values[MIBPS].number,
		               values[MODE].text);
	else
		(void)snprintf(out, size, "{\"ThroughputMode\":\"%s\"}",
		               values[MODE].text);
	return strlen(out);
}

static int send_request(struct bouncer_action *action)
{
	struct state *state = action->state;
	const char *token = state->credentials.token;
	char authorization[SIGV4_MAX_AUTHORIZATION];
	char date[SIGV4_DATE_SIZE];
	char endpoint[HOST_MAX];
	char url[HOST_MAX + 128];
	char body[128];
	size_t n_body = write_body(action->values, body, sizeof(body));
	const struct bouncer_label headers[] = {
		{ "Content-Type", CONTENT_TYPE },
		{ "X-Amz-Date", date },
		{ "Authorization", authorization },
		{ "X-Amz-Security-Token", token },
	};
	struct sigv4_request request = {
		.method = "PUT",
		.query = "",
		.content_type = CONTENT_TYPE,
		.date = date,
		.token = token[0] ? token : NULL,
		.body = body,
		.n_body = n_body,
		.region = action->values[REGION].text,
		.service = SERVICE,
		.key_id = state->credentials.key_id,
		.secret = state->credentials.secret,
	};
	const struct bouncer_http_request http = {
		.size = sizeof(http),
		.method = "PUT",
		.url = url,
		.headers = headers,
		.n_headers = token[0] ? 4 : 3,
		.body = body,
		.n_body = n_body,
		.done = on_answer,
	};

	find_endpoint(action->values, endpoint);
	(void)snprintf(url, sizeof(url), "%s" API "%s", endpoint, state->id);
	request.host = strstr(endpoint, "://") + 3;
	request.path = strstr(url, API);
	sigv4_date(action->host->wall_ms() / 1000, date);
	if (sigv4_authorization(&request, authorization) < 0)
		return -EMSGSIZE;
	return action->host->http(action, &http);
}

static int start(struct bouncer_action *action)
{
	struct state *state = action->state;
	char words[WORDS];
	int r;

	if (!find_id(action, words) || !find_credentials(action, words)) {
		action->host->complete(action, BOUNCER_FAILED, words);
		return 0;
	}
	r = send_request(action);
	explicit_bzero(&state->credentials, sizeof(state->credentials));
	return r;
}

/* --- the description ----------------------------------------------------------- */

static int refuse(char *why, size_t n_why, const char *words)
{
	(void)snprintf(why, n_why, "%s", words);
	return -1;
}

static bool is_region(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= 40 && text[n] == '\0';
}

/* Only scheme, host and port: the rest of the URL is ours. */
static bool is_endpoint(const char *text)
{
	const char *host = strstr(text, "://");

	return (strncmp(text, "http://", 7) == 0 ||
	        strncmp(text, "https://", 8) == 0) &&
	       host[3] != '\0' && !strpbrk(host + 3, "/?#@") &&
	       strlen(text) < HOST_MAX;
}

static int validate(const struct bouncer_value *values, char *why, size_t n_why)
{
	const char *mode = values[MODE].text;
	bool provisioned = mode && strcmp(mode, "provisioned") == 0;

	for (int i = REGION; i <= MIBPS; i++) {
		if (values[i].flags & BOUNCER_UNKNOWN_YET)
			return refuse(why, n_why,
			              "only file_system_id, the label, the "
			              "file and the profile may have {{ }}");
	}
	if (!values[ID].text && !values[LABEL].text && !values[ID].flags &&
	    !values[LABEL].flags)
		return refuse(why, n_why,
		              "file_system_id or file_system_prometheus_label "
		              "is needed");
	if (values[ID].text && !is_id(values[ID].text))
		return refuse(why, n_why,
		              "file_system_id is fs- and 8 to 40 hexadecimal "
		              "digits");
	if (!is_region(values[REGION].text))
		return refuse(why, n_why, "aws_region is like eu-central-1");
	if (values[ENDPOINT].text && !is_endpoint(values[ENDPOINT].text))
		return refuse(why, n_why,
		              "endpoint is like https://host:port, without a "
		              "path");
	if (!provisioned && strcmp(mode, "elastic") != 0 &&
	    strcmp(mode, "bursting") != 0)
		return refuse(why, n_why,
		              "throughput_mode is elastic, bursting or "
		              "provisioned");
	if (provisioned != (values[MIBPS].text != NULL) ||
	    (provisioned && values[MIBPS].number < 1))
		return refuse(why, n_why,
		              "provisioned_mibps, at least 1, goes with "
		              "throughput_mode provisioned, and only with it");
	return 0;
}

static const struct bouncer_parameter parameters[N_VALUES] = {
	[ID] = { .name = "file_system_id",
	         .type = BOUNCER_STRING,
	         .environment = "EFS_FILE_SYSTEM_ID",
	         .help = "fs-…" },
	[LABEL] = { .name = "file_system_prometheus_label",
	            .type = BOUNCER_STRING,
	            .environment = "EFS_FILE_SYSTEM_PROMETHEUS_LABEL",
	            .help = "the label that has it" },
	[REGION] = { .name = "aws_region",
	             .type = BOUNCER_STRING,
	             .flags = BOUNCER_REQUIRED,
	             .environment = "AWS_REGION",
	             .help = "like eu-central-1" },
	[ENDPOINT] = { .name = "endpoint",
	               .type = BOUNCER_STRING,
	               .environment = "AWS_ENDPOINT_URL_EFS",
	               .help = "instead of the region's" },
	[MODE] = { .name = "throughput_mode",
	           .type = BOUNCER_STRING,
	           .default_value = "elastic",
	           .help = "elastic, bursting or provisioned" },
	[MIBPS] = { .name = "provisioned_mibps",
	            .type = BOUNCER_INTEGER,
	            .help = "MiB a second, of provisioned" },
	[CREDENTIALS] = { .name = "credentials_file",
	                  .type = BOUNCER_PATH,
	                  .environment = "AWS_SHARED_CREDENTIALS_FILE",
	                  .help = "as AWS's own tools have it" },
	[PROFILE] = { .name = "profile",
	              .type = BOUNCER_STRING,
	              .default_value = "default",
	              .environment = "AWS_PROFILE",
	              .help = "a section of that file" },
};

BOUNCER_EXPORT const struct bouncer_plugin BOUNCER_PLUGIN_OBJECT = {
	.abi = BOUNCER_PLUGIN_ABI,
	.size = sizeof(struct bouncer_plugin),
	.name = "efs_emergency",
	.version = BOUNCER_VERSION,
	.summary = "switches the throughput mode of an EFS file system",
	.parameters = parameters,
	.n_parameters = N_VALUES,
	.parameter_size = sizeof(struct bouncer_parameter),
	.state_size = sizeof(struct state),
	.validate = validate,
	.start = start,
};
