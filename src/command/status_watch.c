/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status --watch: a frame after the other. On a terminal they replace one
 * another on the alternate screen, which is left again however it ends; a
 * daemon that goes away is said in place of the table, and asked again.
 */
#include "command/status.h"

#include <signal.h>

#define WORDS_MAX 1024

#define SCREEN_ENTER "\033[?1049h\033[?7l\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?7h\033[?1049l"
#define SCREEN_HOME  "\033[H"
#define SCREEN_LINE  "\033[K\n"
#define SCREEN_BELOW "\033[J"

static const int signums[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };

struct watch;

/* An element of an array is out of reach of container_of. */
struct watch_signal {
	struct watch *watch;
	uv_signal_t handle;
};

struct watch {
	const struct command_io *io;
	struct command_io quiet; /* complaints go to `words` */
	char words[WORDS_MAX];
	struct status *status;
	struct screen screen;
	uint64_t every_ms;
	uv_timer_t timer;
	struct watch_signal signals[ARRAY_SIZE(signums)];
	size_t n_signals; /* that need closing */
	bool due;
	bool stop;
};

static void on_timer(uv_timer_t *timer)
{
	struct watch *watch = container_of(timer, struct watch, timer);

	watch->due = true;
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct watch *watch =
		container_of(handle, struct watch_signal, handle)->watch;

	watch->due = true;
	if (signum == SIGWINCH)
		return;
	watch->stop = true;
	client_cancel(watch->status->client);
}

static int watch_begin(struct watch *watch)
{
	uv_loop_t *loop = &watch->status->client->loop;
	int r = uv_timer_init(loop, &watch->timer);

	for (size_t i = 0; i < ARRAY_SIZE(signums) && r == 0; i++) {
		struct watch_signal *one = &watch->signals[i];

		one->watch = watch;
		r = uv_signal_init(loop, &one->handle);
		if (r == 0) {
			watch->n_signals++;
			r = uv_signal_start(&one->handle, on_signal,
			                    signums[i]);
		}
	}
	return r;
}

static void watch_end(struct watch *watch)
{
	uv_close((uv_handle_t *)&watch->timer, NULL);
	for (size_t i = 0; i < watch->n_signals; i++)
		uv_close((uv_handle_t *)&watch->signals[i].handle, NULL);
}

static void write_frame(const struct watch *watch, struct slice frame)
{
	FILE *out = watch->io->out;

	if (!watch->screen.terminal) {
		(void)fwrite(frame.p, 1, frame.n, out);
		(void)fputc('\n', out);
		return;
	}
	(void)fputs(SCREEN_HOME, out);
	while (frame.n > 0) {
		const char *end = memchr(frame.p, '\n', frame.n);
		size_t n = end ? (size_t)(end - frame.p) : frame.n;

		(void)fwrite(frame.p, 1, n, out);
		(void)fputs(SCREEN_LINE, out);
		frame = slice_skip(frame, end ? n + 1 : n);
	}
	(void)fputs(SCREEN_BELOW, out);
}

/* Asks once and shows what came of it. */
static void watch_turn(struct watch *watch)
{
	struct status *status = watch->status;
	struct buf frame;
	int code;

	buf_init(&frame, STATUS_FRAME_MAX);
	watch->words[0] = '\0';
	watch->quiet.err = fmemopen(watch->words, sizeof(watch->words), "w");
	if (!watch->quiet.err) {
		watch->stop = true;
		return;
	}
	code = status_read(status);
	if (code == EXIT_OK && status_show(status, &watch->screen, &frame) < 0)
		(void)command_no_memory(&watch->quiet);
	(void)fclose(watch->quiet.err);
	status_fini(status);
	(void)buf_puts(&frame, watch->words);
	if (!watch->stop)
		write_frame(watch, buf_slice(&frame));
	buf_fini(&frame);
}

static int watch_run(struct watch *watch)
{
	uv_loop_t *loop = &watch->status->client->loop;
	int code = EXIT_OK;

	while (!watch->stop && code == EXIT_OK) {
		if (watch->screen.terminal)
			screen_look(&watch->screen, watch->io->out,
			            command_env(watch->io, "NO_COLOR"),
			            command_env(watch->io, "TERM"));
		watch_turn(watch);
		code = command_finish(watch->io);
		watch->due = watch->stop;
		(void)uv_timer_start(&watch->timer, on_timer, watch->every_ms,
		                     0);
		while (!watch->due)
			(void)uv_run(loop, UV_RUN_ONCE);
	}
	return code;
}

int status_watch(const struct command_io *io,
                 const struct client_options *options, struct status *status,
                 const struct screen *screen, uint64_t every_ms)
{
	struct watch watch = { .io = io,
		               .quiet = *io,
		               .status = status,
		               .screen = *screen,
		               .every_ms = every_ms };
	int code = client_open(&status->client, io, options, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	status->client->io = &watch.quiet;
	if (watch_begin(&watch) < 0) {
		code = command_no_memory(io);
	} else {
		if (screen->terminal)
			(void)fputs(SCREEN_ENTER, io->out);
		code = watch_run(&watch);
		if (screen->terminal)
			(void)fputs(SCREEN_LEAVE, io->out);
		if (code == EXIT_OK)
			code = command_finish(io);
	}
	watch_end(&watch);
	watch.quiet.err = io->err;
	return client_close(status->client, code);
}
