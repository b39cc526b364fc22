/* SPDX-License-Identifier: Apache-2.0 */
/* page: GET / is a plain table of the monitors, without scripts. */
#include "api/routes.h"
#include "api/rules.h"

#include "base/duration.h"
#include "base/text.h"
#include "config/config.h"
#include "proto/timestamp.h"

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<title>Bouncer</title>\n<meta http-equiv=\"refresh\" content=\"5\">\n"
	"<style>body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;"
	"max-width:70em;padding:0 1em}table{border-collapse:collapse;"
	"width:100%}th,td{text-align:left;padding:.3em .8em .3em 0;"
	"border-bottom:1px solid #ddd}.good{color:#16722e}"
	".starting,.unknown,.paused{color:#666}.breached,.waiting,.bouncing,"
	".verifying,.cooling{color:#9a5b00}.gave_up{color:#b3261e;"
	"font-weight:bold}@media(prefers-color-scheme:dark){body{background:"
	"#111;color:#ddd}th,td{border-color:#333}.good{color:#6fce85}"
	".breached,.waiting,.bouncing,.verifying,.cooling{color:#f0b35a}"
	".gave_up{color:#ff8a80}}</style></head>\n<body><h1>Bouncer</h1>\n";

static const char table_head[] =
	"<table><thead><tr><th>Monitor</th><th>State</th><th>Age</th>"
	"<th>Limit</th><th>Target</th><th>Held by</th><th>Last bounce</th>"
	"</tr></thead><tbody>\n";

static void write_source(const struct group *group, struct buf *out)
{
	(void)buf_puts(out, "<p>Source ");
	text_escape_html(out, slice_from(group->name));
	(void)buf_printf(out, ": <span class=\"%s\">%s</span>%s</p>\n",
	                 group->up ? "good" : "gave_up",
	                 group->up ? "up" : reading_result_name(group->result),
	                 group->storm ? ", <b class=\"gave_up\">storm: bounces "
	                                "are held</b>"
	                              : "");
}

static void write_cell(struct buf *out, const char *text)
{
	(void)buf_puts(out, "<td>");
	text_escape_html(out, slice_from(text));
	(void)buf_puts(out, "</td>");
}

static void write_time(const struct api *api, uint64_t at_ms, struct buf *out)
{
	char time[TIMESTAMP_TEXT_MAX];

	if (at_ms != POLICY_NEVER)
		(void)buf_printf(
			out, " until %s",
			timestamp_format(api_wall_ms(api, at_ms), time));
}

/* By whom, how long and why; and the quiet window, if one holds. */
static void write_pause(const struct api *api, const struct monitor *monitor,
                        struct buf *out)
{
	const struct pause *pause =
		supervisor_pause_of(api->supervisor, monitor);
	uint64_t quiet_ms = supervisor_quiet_until(api->supervisor, monitor,
	                                           api_now_ms(api));

	if (monitor->paused) {
		(void)buf_puts(out, "<br>by the configuration");
	} else if (pause) {
		(void)buf_puts(out, "<br>by an operator");
		write_time(api, pause->until_ms, out);
		(void)buf_puts(out, pause->reason[0] ? ": " : "");
		text_escape_html(out, slice_from(pause->reason));
	}
	if (quiet_ms) {
		(void)buf_puts(out, "<br>quiet");
		write_time(api, quiet_ms, out);
	}
}

static void write_limit(const struct monitor *monitor, struct buf *out)
{
	const struct policy_rules *rules = monitor->rules;
	char threshold[THRESHOLD_TEXT_MAX];
	char text[DURATION_TEXT_MAX];

	if (rules->levels)
		write_cell(out,
		           threshold_format(
				   &policy_level_now(&monitor->policy, rules)
					    ->limit,
				   threshold));
	else
		write_cell(out,
		           rules->max_age_ms
		                   ? duration_format(rules->max_age_ms, text)
		                   : "");
}

static void write_row(const struct api *api, const struct monitor *monitor,
                      struct buf *out)
{
	const struct policy *policy = &monitor->policy;
	const char *state = policy_state_name(policy->state);
	char text[MAX(DURATION_TEXT_MAX, VALUE_TEXT_MAX)];
	char time[TIMESTAMP_TEXT_MAX];

	(void)buf_puts(out, "<tr>");
	write_cell(out, monitor->name);
	(void)buf_printf(out, "<td class=\"%s\">%s%s", state, state,
	                 monitor->dry_run ? " (dry run)" : "");
	write_pause(api, monitor, out);
	(void)buf_puts(out, "</td>");
	if (monitor->last.kind == OBSERVATION_AGE)
		write_cell(out, duration_format((monitor->last.age_ms +
		                                 api_now_ms(api) -
		                                 monitor->last_ms) /
		                                        1000 * 1000,
		                                text));
	else if (monitor->rules->levels &&
	         monitor->last.kind == OBSERVATION_VALUE)
		write_cell(out, value_format(monitor->last.value, text));
	else
		write_cell(out, api_seen_words(monitor));
	write_limit(monitor, out);
	(void)buf_printf(out, "<td>%s ",
	                 config_target_type_name(monitor->config->type));
	text_escape_html(out, slice_from(api_target_name(monitor)));
	(void)buf_puts(out, "</td><td>");
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++) {
		if (policy->held & (1u << i))
			(void)buf_printf(out, "%s ",
			                 policy_guard_name(1u << i));
	}
	(void)buf_puts(out, "</td>");
	write_cell(out,
	           monitor->bounce_wall_ms
	                   ? timestamp_format(monitor->bounce_wall_ms, time)
	                   : "");
	(void)buf_puts(out, "</tr>\n");
}

static void write_page(struct api_stream *stream, struct buf *out)
{
	const struct api *api = stream->api;

	if (stream->part == 0) {
		(void)buf_append(out, head, sizeof(head) - 1);
		for (uint32_t i = 0; i < api->n_groups; i++)
			write_source(api->groups[i], out);
		if (api->extension)
			api->extension->page(api->extension->context, out);
		(void)buf_append(out, table_head, sizeof(table_head) - 1);
		stream->part = 1;
	}
	if (stream->next < api->n_monitors)
		write_row(api, api->monitors[stream->next++], out);
	if (stream->next < api->n_monitors)
		return;
	(void)buf_puts(out, "</tbody></table>\n<p><a href=\"/metrics\">metrics"
	                    "</a> · <a href=\"/api/v1/monitors\">monitors</a> ·"
	                    " <a href=\"/api/v1/journal\">journal</a> · "
	                    "Bouncer " BOUNCER_VERSION "</p></body></html>\n");
	stream->ended = true;
}

void api_page(struct api *api, struct http_exchange *exchange,
              struct slice rest)
{
	(void)rest;
	api_stream_respond(api, exchange, "text/html; charset=utf-8",
	                   write_page);
}
