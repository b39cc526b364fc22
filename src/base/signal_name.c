/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signal_name.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/number.h"

#define REALTIME_MAX 31 /* as far from either end */

const char *const signal_names[N_SIGNAL_NAMES] = {
	"SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",    "SIGTRAP", "SIGABRT",
	"SIGBUS",  "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",
	"SIGPIPE", "SIGALRM",   "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT",
	"SIGSTOP", "SIGTSTP",   "SIGTTIN", "SIGTTOU",   "SIGURG",  "SIGXCPU",
	"SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH",  "SIGIO",   "SIGPWR",
	"SIGSYS",
};

/* In the same order. */
static const int signal_numbers[N_SIGNAL_NAMES] = {
	SIGHUP,  SIGINT,    SIGQUIT, SIGILL,  SIGTRAP,   SIGABRT, SIGBUS,
	SIGFPE,  SIGKILL,   SIGUSR1, SIGSEGV, SIGUSR2,   SIGPIPE, SIGALRM,
	SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP,   SIGTSTP, SIGTTIN,
	SIGTTOU, SIGURG,    SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH,
	SIGIO,   SIGPWR,    SIGSYS,
};

static int realtime(struct slice text)
{
	bool up = slice_starts(text, "SIGRTMIN");
	uint64_t n = 0;

	if (!up && !slice_starts(text, "SIGRTMAX"))
		return 0;
	text = slice_skip(text, strlen("SIGRTMIN"));
	if (text.n > 0 && (text.p[0] != (up ? '+' : '-') ||
	                   number_parse_u64(slice_skip(text, 1), &n) < 0 ||
	                   n >= REALTIME_MAX))
		return 0;
	return up ? SIGRTMIN + (int)n : SIGRTMAX - (int)n;
}

int signal_number(struct slice text)
{
	uint64_t number;

	for (int i = 0; i < N_SIGNAL_NAMES; i++) {
		if (slice_is(text, signal_names[i]))
			return signal_numbers[i];
	}
	if (number_parse_u64(text, &number) == 0)
		return number <= SIGNAL_NUMBER_MAX ? (int)number : 0;
	return realtime(text);
}
