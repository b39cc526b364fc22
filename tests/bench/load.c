/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: keeps some kept-alive connections to an HTTP server busy, and prints
 * what came of it as one line of JSON: requests a second, and how long each
 * took (microseconds, 50th, 99th and 99.9th of a hundred, the longest).
 *
 *     load PORT [NAME=VALUE…]
 *
 *     method=PUT         GET asks for `path`, PUT and POST push
 *     path=/metrics      of a GET
 *     gzip=0             1: it takes that compressed
 *     connections=64
 *     groups=1           pushes go to job_000000, job_000001, … in turn
 *     first=0            beginning with this one
 *     bytes=1024         of a body, about
 *     alerts=0           if not 0, a POST tells `path` of so many alerts, each
 *     resolve=0          group in turn; 1: and then that they are resolved
 *     token=TEXT         that these bring along
 *     seconds=5          stop then,
 *     count=0            or after so many requests, if not 0
 *     rate=0             if not 0, so many requests a second, see below
 *
 * Requests are made before the clock runs. One thread. Closed loop: a
 * connection sends its next request when it has the answer to the last, which
 * says how much is taken, but nothing of how long it takes at a given load.
 * With `rate` each request has its moment and goes out on a connection that is
 * free; where none is it waits, and its time is counted from its moment on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/number.h"
#include "proto/http.h"

#define READ_SIZE       262144
#define MAX_REQUEST     262144
#define STALLED_MS      30000 /* no answer for so long ends the run */
#define N_SLOTS         2048  /* of the latencies: 64 octaves of 32 */
#define SLOTS_AN_OCTAVE 32

struct options {
	uint64_t port;
	uint64_t connections;
	uint64_t groups;
	uint64_t first;
	uint64_t bytes;
	uint64_t alerts;
	uint64_t resolve;
	uint64_t gzip;
	uint64_t seconds;
	uint64_t count;
	uint64_t rate;
	const char *method;
	const char *path;
	const char *token; /* NULL: none */
};

struct connection {
	struct load *load;
	int fd;
	struct http_parser *parser;
	struct slice left; /* of the request, not sent yet */
	uint64_t began_us;
	bool whole; /* the answer is there */
};

struct load {
	struct options options;
	struct buf *requests;
	size_t n_requests;
	struct connection *connections;
	struct connection **idle; /* with a rate: those that are free */
	size_t n_idle;
	int timer; /* the moment of the next request */
	uint64_t start_us;
	uint64_t n_sent;
	uint64_t n_answered;
	uint64_t n_bad; /* other than 200 and 202 */
	uint16_t last_bad;
	uint64_t n_bytes; /* of bodies */
	uint64_t end_us;
	uint64_t latencies[N_SLOTS];
	uint64_t longest_us;
	char bytes[READ_SIZE];
};

static void die(const char *what)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- latencies: exact to about 3 percent ---------------------------------- */

static unsigned slot_of(uint64_t us)
{
	unsigned octave = 0;

	while (us >> octave >= 2 * SLOTS_AN_OCTAVE)
		octave++;
	return octave * SLOTS_AN_OCTAVE + (unsigned)(us >> octave);
}

static uint64_t us_of(unsigned slot)
{
	unsigned octave =
		slot < 2 * SLOTS_AN_OCTAVE ? 0 : slot / SLOTS_AN_OCTAVE - 1;

	return (uint64_t)(slot - octave * SLOTS_AN_OCTAVE) << octave;
}

static uint64_t latency(const struct load *load, double share)
{
	uint64_t left = (uint64_t)((double)load->n_answered * share);

	for (unsigned i = 0; i < N_SLOTS; i++) {
		if (load->latencies[i] > left)
			return us_of(i);
		left -= load->latencies[i];
	}
	return load->longest_us;
}

/* --- requests --------------------------------------------------------------- */

static void make_body(struct buf *body, uint64_t group, size_t n_bytes)
{
	for (unsigned i = 0; body->n < n_bytes; i++)
		(void)buf_printf(body,
		                 "# HELP batch_%02u_records Records of kind "
		                 "%u in the last run.\n"
		                 "# TYPE batch_%02u_records gauge\n"
		                 "batch_%02u_records{phase=\"load\"} %llu.%u\n",
		                 i, i, i, i, (unsigned long long)group * 7 + i,
		                 i);
}

/* As Alertmanager sends it, about 450 bytes for each. */
static void make_alerts(struct buf *body, uint64_t group, uint64_t n,
                        const char *status)
{
	(void)buf_printf(
		body, "{\"receiver\":\"hook\",\"status\":\"%s\",\"alerts\":[",
		status);
	for (uint64_t i = 0; i < n; i++)
		(void)buf_printf(
			body,
			"%s{\"status\":\"%s\",\"labels\":{\"alertname\":"
			"\"DiskFull\",\"instance\":\"web-%llu:9100\",\"job\":"
			"\"node\",\"mountpoint\":\"/srv\",\"severity\":"
			"\"critical\"},\"annotations\":{\"description\":\"95 "
			"%% "
			"of /srv are used\",\"summary\":\"Disk of web is "
			"full\"},\"startsAt\":\"2026-11-21T10:00:13.255217Z\","
			"\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":"
			"\"http://prometheus:9090/graph?g0.expr=up+%%3D%%3D+0"
			"\\u0026g0.tab=1\",\"fingerprint\":\"%08llx%08llx\"}",
			i ? "," : "", status, (unsigned long long)i,
			(unsigned long long)group, (unsigned long long)i);
	(void)buf_printf(
		body,
		"],\"groupLabels\":{\"alertname\":\"DiskFull\"},"
		"\"commonLabels\":{\"alertname\":\"DiskFull\"},"
		"\"commonAnnotations\":{},\"externalURL\":\"http://am:9093\","
		"\"version\":\"4\",\"groupKey\":\"{}:{group=\\\"%llu\\\"}\","
		"\"truncatedAlerts\":0}\n",
		(unsigned long long)group);
}

static void make_alerts_request(struct load *load, size_t i)
{
	const struct options *options = &load->options;
	struct buf *request = &load->requests[i];
	size_t n_groups = MAX(options->groups, 1);
	bool resolve = i >= n_groups;
	struct buf body;

	buf_init(&body, MAX_REQUEST);
	make_alerts(&body, options->first + i % n_groups, options->alerts,
	            resolve ? "resolved" : "firing");
	(void)buf_printf(request, "POST %s HTTP/1.1\r\nHost: x\r\n",
	                 options->path);
	if (options->token)
		(void)buf_printf(request, "Authorization: Bearer %s\r\n",
		                 options->token);
	(void)buf_printf(request,
	                 "Content-Type: application/json\r\n"
	                 "Content-Length: %zu\r\n\r\n%s",
	                 body.n, buf_text(&body));
	if (body.failed || request->failed)
		die("a request is too large");
	buf_fini(&body);
}

static void make_request(struct load *load, size_t i)
{
	const struct options *options = &load->options;
	struct buf *request = &load->requests[i];
	struct buf body;

	buf_init(request, MAX_REQUEST);
	if (strcmp(options->method, "GET") == 0) {
		(void)buf_printf(
			request, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n",
			options->path,
			options->gzip ? "Accept-Encoding: gzip\r\n" : "");
		return;
	}
	if (options->alerts) {
		make_alerts_request(load, i);
		return;
	}
	buf_init(&body, MAX_REQUEST);
	make_body(&body, options->first + i, options->bytes);
	(void)buf_printf(request,
	                 "%s /metrics/job/job_%06llu HTTP/1.1\r\nHost: x\r\n"
	                 "Content-Length: %zu\r\n\r\n%s",
	                 options->method,
	                 (unsigned long long)options->first + i, body.n,
	                 buf_text(&body));
	if (body.failed || request->failed)
		die("a request is too large");
	buf_fini(&body);
}

static void make_requests(struct load *load)
{
	load->n_requests =
		strcmp(load->options.method, "GET") == 0
			? 1
			: load->options.groups * (1 + load->options.resolve);
	load->requests = calloc(load->n_requests, sizeof(*load->requests));
	if (!load->requests)
		die("requests");
	for (size_t i = 0; i < load->n_requests; i++)
		make_request(load, i);
}

/* --- answers ---------------------------------------------------------------- */

static int on_head(void *context, const struct http_message *message)
{
	struct connection *connection = context;
	struct load *load = connection->load;

	if (message->status != 200 && message->status != 202) {
		load->n_bad++;
		load->last_bad = message->status;
	}
	return 0;
}

static int on_body(void *context, struct slice bytes)
{
	struct connection *connection = context;

	connection->load->n_bytes += bytes.n;
	return 0;
}

static int on_complete(void *context)
{
	struct connection *connection = context;

	connection->whole = true;
	return 0;
}

static const struct http_parser_callbacks callbacks = {
	.on_head = on_head,
	.on_body = on_body,
	.on_complete = on_complete,
};

/* --- connections ------------------------------------------------------------ */

/* With a rate: the moment of the next request. */
static uint64_t due_us(const struct load *load)
{
	return load->start_us + load->n_sent * 1000000 / load->options.rate;
}

/* What has its moment within the time is sent, however late. */
static bool wants_more(const struct load *load)
{
	const struct options *options = &load->options;

	if (options->count)
		return load->n_sent < options->count;
	return (options->rate ? due_us(load) : now_us()) < load->end_us;
}

/* What the socket does not take goes out when it can; requests are small, so
 * that is rare. */
static void connection_send(struct connection *connection)
{
	while (connection->left.n > 0) {
		ssize_t n = send(connection->fd, connection->left.p,
		                 connection->left.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0)
			die("send");
		connection->left = slice_skip(connection->left, (size_t)n);
	}
}

static void connection_ask(struct connection *connection, uint64_t began_us)
{
	struct load *load = connection->load;
	size_t i = load->n_sent++ % load->n_requests;

	connection->whole = false;
	http_parser_reset(connection->parser, false, UINT64_MAX);
	connection->left = buf_slice(&load->requests[i]);
	connection->began_us = began_us;
	connection_send(connection);
}

/* --- a fixed rate ------------------------------------------------------------ */

static void arm(struct load *load)
{
	uint64_t us = due_us(load);
	struct itimerspec at = {
		.it_value = { .tv_sec = (time_t)(us / 1000000),
		              .tv_nsec = (long)(us % 1000000 * 1000) },
	};

	if (timerfd_settime(load->timer, TFD_TIMER_ABSTIME, &at, NULL) < 0)
		die("timer");
}

/* All whose moment has come. */
static void ask_due(struct load *load)
{
	while (load->n_idle > 0 && wants_more(load) &&
	       due_us(load) <= now_us()) {
		struct connection *connection = load->idle[--load->n_idle];

		connection_ask(connection, due_us(load));
	}
	if (load->n_idle > 0 && wants_more(load))
		arm(load);
}

static void open_timer(struct load *load, int poll)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	load->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	if (load->timer < 0 ||
	    epoll_ctl(poll, EPOLL_CTL_ADD, load->timer, &event) < 0)
		die("timer");
}

/* --- answers, again ------------------------------------------------------------ */

static void connection_answered(struct connection *connection)
{
	struct load *load = connection->load;
	uint64_t us = now_us() - connection->began_us;

	load->n_answered++;
	load->latencies[slot_of(us)]++;
	load->longest_us = MAX(load->longest_us, us);
	if (load->options.rate)
		load->idle[load->n_idle++] = connection;
	else if (wants_more(load))
		connection_ask(connection, now_us());
}

static void connection_receive(struct connection *connection)
{
	struct load *load = connection->load;
	struct err err = { 0 };
	size_t used;
	ssize_t n = recv(connection->fd, load->bytes, sizeof(load->bytes), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("the server closed a connection");
	if (http_parser_feed(connection->parser,
	                     slice_make(load->bytes, (size_t)n), &used,
	                     &err) != 0 ||
	    used != (size_t)n) {
		(void)fprintf(stderr, "load: bad answer: %s\n", err.message);
		exit(1);
	}
	if (connection->whole)
		connection_answered(connection);
}

static void connection_open(struct load *load, struct connection *connection,
                            int poll)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)load->options.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct epoll_event event = { .events = EPOLLIN,
		                     .data.ptr = connection };
	int on = 1;

	connection->load = load;
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0 ||
	    connect(connection->fd, (struct sockaddr *)&address,
	            sizeof(address)) < 0 ||
	    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on,
	               sizeof(on)) < 0 ||
	    epoll_ctl(poll, EPOLL_CTL_ADD, connection->fd, &event) < 0)
		die("connect");
	connection->parser =
		http_parser_new(HTTP_PARSE_RESPONSE, &callbacks, connection);
	if (!connection->parser)
		die("parser");
}

/* --- the run ---------------------------------------------------------------- */

static void begin(struct load *load)
{
	size_t n = load->options.connections;

	load->start_us = now_us();
	load->end_us = load->start_us + load->options.seconds * 1000000;
	for (size_t i = 0; i < n && load->options.rate; i++)
		load->idle[load->n_idle++] = &load->connections[i];
	for (size_t i = 0; i < n && !load->options.rate && wants_more(load);
	     i++)
		connection_ask(&load->connections[i], now_us());
	if (load->options.rate)
		ask_due(load);
}

static bool is_over(const struct load *load)
{
	return load->n_answered == load->n_sent &&
	       (!load->options.rate || !wants_more(load));
}

static void run_loop(struct load *load, int poll)
{
	struct epoll_event events[256];

	while (!is_over(load)) {
		int n_events = epoll_wait(poll, events, 256, STALLED_MS);

		if (n_events == 0)
			break; /* the server hangs: what there is, is it */
		for (int i = 0; i < n_events; i++) {
			if (events[i].data.ptr)
				connection_receive(events[i].data.ptr);
		}
		if (load->options.rate)
			ask_due(load);
	}
}

static void run(struct load *load)
{
	size_t n = load->options.connections;
	int poll = epoll_create1(EPOLL_CLOEXEC);

	load->connections = calloc(n, sizeof(*load->connections));
	load->idle = calloc(n, sizeof(struct connection *));
	if (poll < 0 || !load->connections || !load->idle)
		die("connections");
	open_timer(load, poll);
	for (size_t i = 0; i < n; i++)
		connection_open(load, &load->connections[i], poll);
	begin(load);
	run_loop(load, poll);
	for (size_t i = 0; i < n; i++) {
		http_parser_free(load->connections[i].parser);
		(void)close(load->connections[i].fd);
	}
	(void)close(load->timer);
	(void)close(poll);
	free(load->connections);
	free(load->idle);
}

static void read_option(struct options *options, const char *argument)
{
	const struct {
		const char *name;
		uint64_t *valuep;
	} numbers[] = {
		{ "connections=", &options->connections },
		{ "groups=", &options->groups },
		{ "first=", &options->first },
		{ "bytes=", &options->bytes },
		{ "alerts=", &options->alerts },
		{ "resolve=", &options->resolve },
		{ "gzip=", &options->gzip },
		{ "seconds=", &options->seconds },
		{ "count=", &options->count },
		{ "rate=", &options->rate },
	};
	struct slice text = slice_from(argument);

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct slice value;

		if (!slice_starts(text, numbers[i].name))
			continue;
		value = slice_skip(text, strlen(numbers[i].name));
		if (number_parse_u64(value, numbers[i].valuep) == 0)
			return;
	}
	if (slice_starts(text, "method="))
		options->method = argument + strlen("method=");
	else if (slice_starts(text, "path="))
		options->path = argument + strlen("path=");
	else if (slice_starts(text, "token="))
		options->token = argument + strlen("token=");
	else
		die(argument);
}

int main(int argc, char **argv)
{
	static struct load load = { .options = { .connections = 64,
		                                 .groups = 1,
		                                 .bytes = 1024,
		                                 .seconds = 5,
		                                 .method = "PUT",
		                                 .path = "/metrics" } };
	uint64_t began_us;
	double seconds;

	if (argc < 2 ||
	    number_parse_u64(slice_from(argv[1]), &load.options.port) < 0)
		die("the first argument is a port");
	for (int i = 2; i < argc; i++)
		read_option(&load.options, argv[i]);
	make_requests(&load);
	began_us = now_us();
	run(&load);
	seconds = (double)(now_us() - began_us) / 1e6;
	(void)printf("{\"requests\":%llu,\"seconds\":%.3f,\"rate\":%.1f,"
	             "\"bad\":%llu,\"last_bad\":%u,\"unanswered\":%llu,"
	             "\"bytes\":%llu,\"p50_us\":%llu,\"p99_us\":%llu,"
	             "\"p999_us\":%llu,\"max_us\":%llu}\n",
	             (unsigned long long)load.n_answered, seconds,
	             (double)load.n_answered / seconds,
	             (unsigned long long)load.n_bad, load.last_bad,
	             (unsigned long long)(load.n_sent - load.n_answered),
	             (unsigned long long)load.n_bytes,
	             (unsigned long long)latency(&load, 0.5),
	             (unsigned long long)latency(&load, 0.99),
	             (unsigned long long)latency(&load, 0.999),
	             (unsigned long long)load.longest_us);
	for (size_t i = 0; i < load.n_requests; i++)
		buf_fini(&load.requests[i]);
	free(load.requests);
	return 0;
}
