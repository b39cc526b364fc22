/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_action: makes a file of a given size, which is what one wants where
 * input and output earn credits, or to see that a threshold works.
 *
 * The file is metric_NAME_SECONDS.bin, where NAME is the monitor's with all
 * that is no letter, digit, '.', '_' or '-' as '_'. It is a hole unless
 * `data: true`: then it is written in pieces, each of which is on the disk
 * before the next begins, and between which the loop looks at everything else.
 * What is not finished in time is removed.
 */
#include <bouncer/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE          (256 * 1024) /* bytes written at once */
#define BLOCK          (4 * 1024)   /* bytes of one write() */
#define NAME_MAX_BYTES 100
#define TRIES          100 /* names, when there are several in one second */
#define DIR_MODE       0750

enum { DIR_VALUE, SIZE_VALUE, DATA_VALUE, N_VALUES };

struct state {
	int fd;
	int64_t written;
	char path[PATH_MAX];
};

static const char block[BLOCK] = "bouncer";

/* --- names ------------------------------------------------------------------ */

static void safe_name(const char *monitor, char out[NAME_MAX_BYTES + 1])
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t i;

	for (i = 0; monitor[i] != '\0' && i < NAME_MAX_BYTES; i++)
		out[i] = (char)(strchr(good, monitor[i]) ? monitor[i] : '_');
	out[i] = '\0';
}

/* @dir and all above it. */
static int make_dirs(const char *dir)
{
	char path[PATH_MAX];
	size_t n = strlen(dir);

	if (n >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		if (mkdir(path, DIR_MODE) < 0 && errno != EEXIST)
			return -errno;
		path[i] = dir[i];
	}
	return 0;
}

/* Never one that is there, nor through a link. */
static int open_new(struct bouncer_action *action)
{
	struct state *state = action->state;
	long long seconds = (long long)(action->host->wall_ms() / 1000);
	char name[NAME_MAX_BYTES + 1];

	safe_name(action->context->monitor, name);
	for (int i = 0; i < TRIES; i++) {
		char again[16] = "";
		int n;

		if (i > 0)
			(void)snprintf(again, sizeof(again), "_%d", i);
		n = snprintf(state->path, sizeof(state->path),
		             "%s/metric_%s_%lld%s.bin",
		             action->values[DIR_VALUE].text, name, seconds,
		             again);
		if (n < 0 || (size_t)n >= sizeof(state->path))
			return -ENAMETOOLONG;
		state->fd = open(state->path,
		                 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (state->fd >= 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* --- the end ----------------------------------------------------------------- */

static void give_up(struct bouncer_action *action, const char *what, int code)
{
	struct state *state = action->state;
	char words[256];

	(void)close(state->fd);
	(void)unlink(state->path);
	(void)snprintf(words, sizeof(words), "%s %.150s: %s", what, state->path,
	               strerror(-code));
	action->host->complete(action, BOUNCER_FAILED, words);
}

static void finish(struct bouncer_action *action)
{
	struct state *state = action->state;
	char words[256];

	if (fsync(state->fd) < 0) {
		give_up(action, "fsync", -errno);
		return;
	}
	(void)close(state->fd);
	(void)snprintf(words, sizeof(words), "%.180s, %lld bytes%s",
	               state->path,
	               (long long)action->values[SIZE_VALUE].number,
	               action->values[DATA_VALUE].number ? " of data" : "");
	action->host->complete(action, BOUNCER_OK, words);
}

static void cancel(struct bouncer_action *action)
{
	give_up(action, "write", -ECANCELED);
}

/* --- writing ------------------------------------------------------------------ */

static int write_piece(struct state *state, int64_t size)
{
	int64_t end = state->written + PIECE;

	while (state->written < size && state->written < end) {
		size_t n = sizeof(block);
		ssize_t done;

		if ((int64_t)n > size - state->written)
			n = (size_t)(size - state->written);
		done = write(state->fd, block, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		state->written += done;
	}
	/* a little each time, instead of all of it at the end */
	return fdatasync(state->fd) < 0 ? -errno : 0;
}

static void go_on(struct bouncer_action *action, void *data)
{
	struct state *state = action->state;
	int64_t size = action->values[SIZE_VALUE].number;
	int r = write_piece(state, size);

	if (r == 0 && state->written < size)
		r = action->host->timer(action, 0, go_on, data);
	else if (r == 0)
		finish(action);
	if (r < 0)
		give_up(action, "write", r);
}

static int start(struct bouncer_action *action)
{
	struct state *state = action->state;
	int r = make_dirs(action->values[DIR_VALUE].text);

	if (r == 0)
		r = open_new(action);
	if (r < 0)
		return r;
	if (action->values[DATA_VALUE].number)
		go_on(action, NULL);
	else if (ftruncate(state->fd, action->values[SIZE_VALUE].number) < 0)
		give_up(action, "ftruncate", -errno);
	else
		finish(action);
	return 0;
}

/* --- the description ----------------------------------------------------------- */

static int validate(const struct bouncer_value *values, char *why, size_t n_why)
{
	if ((values[SIZE_VALUE].flags & BOUNCER_UNKNOWN_YET) ||
	    values[SIZE_VALUE].number > 0)
		return 0;
	(void)snprintf(why, n_why,
	               "size (FILE_ACTION_SIZE) must be greater than 0");
	return -1;
}

static const struct bouncer_parameter parameters[N_VALUES] = {
	[DIR_VALUE] = { .name = "dir",
	                .type = BOUNCER_PATH,
	                .default_value = "/tmp/metric-files",
	                .environment = "FILE_ACTION_DIR",
	                .help = "where the files go; made if need be" },
	[SIZE_VALUE] = { .name = "size",
	                 .type = BOUNCER_SIZE,
	                 .default_value = "1MiB",
	                 .environment = "FILE_ACTION_SIZE",
	                 .help = "of each file" },
	[DATA_VALUE] = { .name = "data",
	                 .type = BOUNCER_BOOL,
	                 .default_value = "false",
	                 .environment = "FILE_ACTION_DATA",
	                 .help = "write real data instead of a hole" },
};

BOUNCER_EXPORT const struct bouncer_plugin BOUNCER_PLUGIN_OBJECT = {
	.abi = BOUNCER_PLUGIN_ABI,
	.size = sizeof(struct bouncer_plugin),
	.name = "file_action",
	.version = BOUNCER_VERSION,
	.summary = "makes a file of a given size",
	.parameters = parameters,
	.n_parameters = N_VALUES,
	.parameter_size = sizeof(struct bouncer_parameter),
	.state_size = sizeof(struct state),
	.validate = validate,
	.start = start,
	.cancel = cancel,
};
