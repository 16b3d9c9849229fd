# Made by python -m knockd_packages.completions from the program's own parser.

function __knockd_interface
    ls /sys/class/net 2>/dev/null
end

complete -c knockd -f
complete -c knockd -s h -l help -d 'show this help message and exit'
complete -c knockd -s i -l interface -x -a '(__knockd_interface)' -d 'listen on IF, a comma list, auto or any'
complete -c knockd -s c -l config -r -F -d 'config file (default: /etc/knockd.conf)'
complete -c knockd -s d -l daemon -d 'go into the background'
complete -c knockd -s v -l verbose -d 'print log lines on standard output too'
complete -c knockd -s D -l debug -d 'print a line for every packet'
complete -c knockd -s l -l lookup -d 'log host names too'
complete -c knockd -l init -a 'ports key signed' -d 'write a first config, and say what to do next'
complete -c knockd -l port -x -d 'with --init: the port to open (default: SSH\'s)'
complete -c knockd -s t -l check -d 'check the config, say what will surprise'
complete -c knockd -l dry-run -d 'print the filter that the kernel will run'
complete -c knockd -l replay -r -F -d 'say what would open for a capture (pcap, pcapng)'
complete -c knockd -l explain -x -d 'say why packets of IP open a door or do not'
complete -c knockd -s V -l version -d 'show program\'s version number and exit'
complete -c knockd -s p -l pidfile -r -F -d 'pid file of -d (default: /var/run/knockd.pid)'
complete -c knockd -s g -l logfile -r -F -d 'log file (default: the file\'s)'
complete -c knockd -s 4 -l only-ip-v4 -d 'do not listen to IPv6'
complete -c knockd -l state-dir -x -a '(__fish_complete_directories)' -d 'where open doors are noted (default: the file\'s)'
complete -c knockd -l control-socket -r -F -d 'where knockctl asks, none: nowhere (default: the file\'s)'
complete -c knockd -l show-secrets -d 'with --dry-run: the ports too that keys make now'
complete -c knockd -l local -x -d 'with --replay: this host\'s addresses'
complete -c knockd -l vlan -x -d 'with --replay: judge the packets of a VLAN'
complete -c knockd -l format -x -a 'text json' -d 'how -t, --dry-run, --replay and --explain print (default: text)'
complete -c knockd -l host -x -d 'choose key[NAME] = value variants (default: this host\'s name)'
complete -c knockd -l allow-insecure-config -d 'accept a config that others than root can write'
complete -c knockd -l also -d 'run beside another knockd of the same config or state directory'
