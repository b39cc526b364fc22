/* SPDX-License-Identifier: Apache-2.0 */
#include "command/foreground.h"

#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_SHOWN 64 /* bytes of the command's name in a message */

static const int passed_on[] = { SIGINT,  SIGTERM, SIGHUP,
	                         SIGQUIT, SIGUSR1, SIGUSR2 };

static void awaited(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		(void)sigaddset(set, passed_on[i]);
}

void foreground_begin(struct foreground *foreground)
{
	struct sigaction pipe = { 0 };
	sigset_t ours;

	awaited(&ours);
	(void)sigaction(SIGPIPE, NULL, &pipe);
	foreground->pipe_ignored = pipe.sa_handler == SIG_IGN;
	/* whoever ignores it never hears of a child's end */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigprocmask(SIG_BLOCK, &ours, &foreground->before);
}

void foreground_end(struct foreground *foreground)
{
	(void)sigprocmask(SIG_SETMASK, &foreground->before, NULL);
}

static int start(const struct foreground *foreground, char *const *argv,
                 pid_t *pidp)
{
	short flags = POSIX_SPAWN_SETSIGMASK;
	posix_spawnattr_t attr;
	sigset_t defaults;
	int r;

	r = posix_spawnattr_init(&attr);
	if (r != 0)
		return r;
	(void)sigemptyset(&defaults);
	if (!foreground->pipe_ignored) {
		(void)sigaddset(&defaults, SIGPIPE);
		flags |= POSIX_SPAWN_SETSIGDEF;
	}
	(void)posix_spawnattr_setsigdefault(&attr, &defaults);
	(void)posix_spawnattr_setsigmask(&attr, &foreground->before);
	(void)posix_spawnattr_setflags(&attr, flags);
	r = posix_spawnp(pidp, argv[0], NULL, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	return r;
}

/* Passes signals on until the child has ended. */
static int await(pid_t pid)
{
	siginfo_t info;
	sigset_t ours;
	int status;

	awaited(&ours);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		int signum = sigwaitinfo(&ours, &info);

		if (signum > 0 && signum != SIGCHLD &&
		    info.si_code != SI_KERNEL)
			(void)kill(pid, signum);
	}
	return WIFSIGNALED(status) ? FOREGROUND_SIGNAL_BASE + WTERMSIG(status)
	                           : WEXITSTATUS(status);
}

int foreground_run(const struct foreground *foreground, char *const *argv,
                   struct err *err)
{
	pid_t pid;
	int r = start(foreground, argv, &pid);

	err_clear(err);
	if (r == 0)
		return await(pid);
	(void)err_set_code(err, -r, "%.*s", NAME_SHOWN, argv[0]);
	return r == ENOENT ? FOREGROUND_NOT_FOUND : FOREGROUND_NOT_STARTED;
}
