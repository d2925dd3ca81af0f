# shellcheck shell=sh disable=SC2034  # for scripts that include this one
# Set `sudo` to what runs a command as root without asking for a password; fail if nothing does.
find_root() {
    if [ "$(id -u)" -eq 0 ]; then
        sudo=
    elif sudo -n true 2>/dev/null; then
        sudo="sudo -n"
    else
        return 1
    fi
}
