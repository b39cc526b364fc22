/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_receive: what a loop spends on receiving the bytes alone. Fetches a
 * gateway's /metrics N times, once a second, drops the body, and prints the CPU seconds; the
 * daemon's figure less this one is the price of looking at them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "base/macros.h"
#include "base/number.h"
#include "io/http_client.h"

struct receiver {
	uv_loop_t loop;
	uv_timer_t timer;
	struct http_client *client;
	struct http_call call;
	uint64_t n_left;
	uint64_t n_bytes;
};

static int on_body(struct http_call *call, struct slice bytes)
{
	container_of(call, struct receiver, call)->n_bytes += bytes.n;
	return 0;
}

static void on_fetched(struct http_call *call)
{
	if (call->err.code != 0 || call->status != 200) {
		(void)fprintf(stderr, "status %u: %s\n", call->status,
		              call->err.message);
		exit(1);
	}
}

static void on_client_closed(void *context)
{
	(void)context;
}

static void on_tick(uv_timer_t *timer)
{
	struct receiver *receiver = container_of(timer, struct receiver, timer);

	if (receiver->n_left-- == 0) {
		uv_close((uv_handle_t *)timer, NULL);
		http_client_close(receiver->client, on_client_closed, NULL);
		return;
	}
	if (http_client_call(receiver->client, &receiver->call, on_fetched) < 0)
		exit(1);
}

static double cpu_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	struct receiver receiver = { .n_left = 0 };
	struct err err;

	if (argc != 3 ||
	    number_parse_u64(slice_from(argv[2]), &receiver.n_left) < 0 ||
	    url_parse(slice_from(argv[1]), 80, &receiver.call.url, &err) < 0) {
		(void)fprintf(stderr, "usage: bench-receive GATEWAY SECONDS\n");
		return 2;
	}
	receiver.call.method = "GET";
	receiver.call.target = slice_from("/metrics");
	receiver.call.max_body = UINT64_MAX;
	receiver.call.on_body = on_body;
	if (uv_loop_init(&receiver.loop) < 0 ||
	    uv_timer_init(&receiver.loop, &receiver.timer) < 0)
		return 1;
	receiver.client = http_client_new(&receiver.loop, NULL);
	if (!receiver.client ||
	    uv_timer_start(&receiver.timer, on_tick, 0, 1000) < 0)
		return 1;
	(void)uv_run(&receiver.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&receiver.loop);
	(void)printf("%.4f %llu\n", cpu_seconds(),
	             (unsigned long long)receiver.n_bytes);
	return 0;
}
