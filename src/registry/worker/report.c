/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/report.h"

enum { STATUS_OK = 200, STATUS_LAST_OK = 299 };

static void try_later(struct report *report)
{
	report->due = true;
	if (!report->once)
		life_timer_start(&report->timer,
		                 backoff_next(&report->backoff, report->rng));
	else
		report->due = false;
	report->settled(report->context);
}

static void told(struct report *report)
{
	struct buf before = report->told;

	report->told = report->body;
	report->body = before;
	report->backoff.n = 0;
	if (report->due)
		life_timer_start(&report->timer, REPORT_DELAY_MS);
	report->settled(report->context);
}

static void on_done(struct link_call *call)
{
	struct report *report = container_of(call, struct report, call);
	bool good = !call->err.code && call->status >= STATUS_OK &&
	            call->status <= STATUS_LAST_OK;

	buf_fini(&call->answer);
	if (call->link->life->closing)
		return;
	if (good)
		told(report);
	else
		try_later(report);
}

static void on_timer(struct life_timer *timer)
{
	struct report *report = container_of(timer, struct report, timer);

	if (report->call.running)
		return;
	report->due = false;
	buf_reset(&report->body);
	report->write(report->context, &report->body);
	if (report->body.failed) {
		try_later(report);
		return;
	}
	if (slice_equal(buf_slice(&report->body), buf_slice(&report->told))) {
		report->settled(report->context);
		return;
	}
	report->call = (struct link_call){
		.method = "POST",
		.target = slice_from("/worker/report"),
		.body = buf_slice(&report->body),
		.max_body = LINK_MAX_REFUSAL,
	};
	if (link_start(report->link, &report->call, on_done) < 0) {
		buf_fini(&report->call.answer);
		try_later(report);
	}
}

void report_changed(struct report *report)
{
	if (report->due)
		return;
	report->due = true;
	if (!report->call.running)
		life_timer_start(&report->timer, REPORT_DELAY_MS);
}

void report_forget(struct report *report)
{
	buf_reset(&report->told);
	report_changed(report);
}

int report_open(struct report *report, uv_loop_t *loop)
{
	buf_init(&report->body, REPORT_MAX);
	buf_init(&report->told, REPORT_MAX);
	report->backoff = (struct backoff){ .base_ms = REPORT_BASE_MS,
		                            .max_ms = REPORT_MAX_MS };
	return life_timer_open(&report->timer, loop, report->link->life,
	                       on_timer);
}

void report_close(struct report *report)
{
	link_cancel(&report->call);
	life_timer_close(&report->timer);
}

void report_fini(struct report *report)
{
	buf_fini(&report->body);
	buf_fini(&report->told);
}
