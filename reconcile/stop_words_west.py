"""Words of requests to stop in English, Spanish, German, French and Portuguese, as plain data.

Written as `stop_words` says.
"""

from __future__ import annotations

from reconcile.stop_words import Words

ENGLISH = Words(
    stops="""halt, abort, quit, exit, cease, cease and desist, desist, terminate, discontinue,
        shut down, shutdown, shut it/this/yourself/everything down, stand down, knock it off,
        cut it out, turn/switch yourself off, stop-monitoring, stop-watching, stopmonitoring,
        turn/switch/shut /the monitor/monitoring/watch/watcher/worker off/down""",
    ends="""end, close, enough, no more, finish, cancel, kill, pause, disable, deactivate,
        suspend, turn off, switch off, wrap up, shut off, turn/switch/shut it/this off""",
    watch="""/the/this/my/our/your
        monitor/monitoring/watch/watcher/watching/reconciling/reconciliation/reconcile_loop,
        observing, tracking, checking, polling, the agent-sessions/agent-sessions-monitor""",
    scope="""/the/these/those/this/all/all_the/my/all_my/our/your
        session/sessions/agent/agents/tmux/host/hosts/machine/workspace/workspaces/lab/labs,
        /the/these/those/this/all/all_the/my/all_my/our/your
        board/boards/project/projects/repo/repos/server/servers/fleet/registry, them""",
    leads="""you, do, you are free to, i told you to, i said, go ahead and,
        be_quiet/shut_up/calm_down/go_away and,
        you/we/monitor/the_monitor/monitoring/the_monitoring/the_watch
        can/may/should/must/need_to/needs_to/have_to/has_to, i/we want/need/would_like/ask/asked
        you to, i'd/we'd like you to, i would ask you to, i think you/we can/may/should, let's,
        lets, let us, /i_think time/it's_time/its_time/it_is_time to, the monitor, worker, bot,
        i_am/i'm/we_are/we're asking/telling you to, no need to go on""",
    wishes="i/we want/need/would_like to, i'd/we'd like to, it/this should",
    asks="can/could/would/will/won't you, can/could/shall/may/should we, would you mind",
    pleases="kindly, please please",
    fills="""just, simply, now, then, immediately, instantly, asap, finally, already, alright,
        all right, well, oh, hmm, yes, yeah, yep, thank, dear, really, actually, wait, sorry,
        too, also, so much, very much, a lot, for the help, no wait, no please, everybody, all,
        that's/that_is/it_is enough/all/it, you/we/i are/am done, you're/we're/i'm/all done,
        it's/it_is over/done""",
    rest="""it, this, that, these, those, all, all this, everything, here, there, yourself, you,
        can, /the/this/that/my/our/your
        worker/bot/kanban/job/task/card/run/loop/work/board/program/script/service/daemon,
        working, running, doing, of, on, in, over, for, with, at once, as soon as possible,
        right now/away, today, the moment/day/night, good, completely, entirely, altogether, any
        more, anymore, at the moment, for now, from now on, right there, listening, this
        instant, straight away""",
    reasons="""and, because, since, as we/i, while, until, till, i, i'm, i'll, i've, we, we're,
        we'll, we've, they, they're, it's""",
    goes_on="""go on, carry on, continue, resume, start, restart, never mind, nevermind, nvm,
        keep going/on/running/monitor/monitoring/watch/watching/tracking/checking/polling,
        ignore that/this/my, scratch that, forget it/that, cancel that, don't/dont/do_not/never
        stop""",
    alarms="abort, cease, shutdown",
    negations="""not, never, don't, dont, can't, cant, cannot, won't, wont, shouldn't, mustn't,
        didn't, doesn't, isn't, without, nobody, no one, no need, nothing""",
    questions="""why, when, what, where, who, whose, which, did, does, has, have, had, is, are,
        was, were""",
    later="""if, when, whenever, unless, once, after, later, tomorrow, tonight, only, monday,
        tuesday, wednesday, thursday, friday, saturday, sunday""",
)

SPANISH = Words(
    stops="""para, pare, paren, parad, parar, detente, deténgase, detén, detenga, detengan,
        detener, alto, basta, pares, dejes, deja/deje/dejen/dejar de trabajar, te detengas,
        detén/detenga/detener/pare/parar todo/esto/eso, apágate""",
    ends="""termina, termine, terminen, terminar, finaliza, finalice, finalizar, cancela,
        cancele, cancelar, apaga, apague, apagar, cierra, cierre, cerrar, interrumpe,
        interrumpa, interrumpir, suspende, suspenda, suspender, pausa, pausar, desactiva,
        desactivar, deja, deje, dejen, dejar, dejes, acaba, cesa, cese, cesar""",
    watch="""/de monitorear/monitorizar/vigilar/observar/supervisar, /de/con /la/el/esta/este
        monitorización/monitoreo/monitorizado/monitor/vigilancia/supervisión/observación""",
    scope="las sesiones, los agentes, mis sesiones, de las sesiones, de los agentes",
    leads="""puedes, puede, pueden, ya puedes/puede/pueden, debes, debe, deberías, tienes que,
        quiero/necesito/queremos que, quiero/necesito/queremos que te/se, te pido que, me
        gustaría que, hay que, es hora de, vamos a, tú puedes""",
    wishes="quiero, quisiera, necesito",
    asks="podrías, podría, podemos, podríamos, quieres, querrías, se puede",
    pleases="por favor, porfavor, porfa, favor de, te lo ruego",
    fills="""gracias, muchas gracias, hola, ya, ahora, ahora mismo, inmediatamente, vale, bueno,
        bien, sí, si, entonces, ya está, de inmediato, cuanto antes""",
    rest="aquí, por hoy, por ahora, de una vez, ya mismo, el trabajo, completamente",
    reasons="porque, pues, ya que, y, que ya, hasta, estamos, hemos",
    goes_on="continúa, continua, continúe, sigue, siga, adelante, reanuda, olvídalo, no pares",
    alarms="""pare, parar, paramos, pares, detente, detén, detenga, deténgase, detener,
        detengas, deje de monitorear""",
    negations="no, nunca, jamás, sin, nadie, tampoco, se ha, ha",
    questions="por qué, cuándo, qué, quién, cuál, dónde, ha",
    later="si, cuando, mañana, después, luego, tras, solo",
)

GERMAN = Words(
    stops="""stoppe, stoppen /sie, stoppt, hör auf, höre auf, hoer auf, hört auf, hören sie auf,
        hör/höre/hoer bitte/jetzt/sofort auf, hör/höre bitte jetzt auf, hören sie bitte auf,
        hören sie bitte jetzt auf, aufhören, aufhoeren, aufhörst, aufhören zu arbeiten, halt,
        halt an, halte an, anhalten, abbrechen, brich ab, brechen sie ab, abbruch, schluss,
        schluss jetzt, mach schluss, machen sie schluss, stillgestanden, stoppst, anhältst,
        hör/höre auf damit, hör damit auf""",
    ends="""beende, beenden /sie, beendet, beendest, halte, brich, brechen sie, schalte, schalt,
        schalten sie, stell, stelle, stellen sie, einstellen, ausschalten, abschalten,
        deaktiviere, deaktivieren, unterbrich, unterbrechen, pausiere, pausieren, kündige,
        abstellen, ende""",
    watch="""/die/der/das/diese/dieses/den/mit_der/mit_dem
        überwachung/ueberwachung/monitoring/monitor/beobachtung/beobachten/überwachen, zu
        überwachen/ueberwachen/beobachten""",
    scope="die sitzungen, der sitzungen, die agenten, der agenten, alle sitzungen",
    leads="""du, sie, ihr, du/sie/ihr
        kannst/können/könnt/sollst/sollen/darfst/dürfen/musst/müssen, ich/wir
        möchte/möchten/will/wollen dass du/sie, es ist zeit, lass uns, zeit, ich/wir
        bitte/bitten dich/sie""",
    wishes="ich/wir möchte/möchten/will/wollen/muss/müssen",
    asks="""kannst/könntest/würdest/willst/magst du, können/könnten/würden/wollen/sollen/dürfen
        sie/wir, könnt/könntet ihr, kann man""",
    pleases="bitte, bitte bitte",
    fills="""danke, vielen dank, hallo, jetzt, nun, sofort, gleich, endlich, gut, ja, mal, dann,
        doch, einfach, auch, mit, zu, damit, umgehend, unverzüglich""",
    rest="""auf, an, ab, ein, aus, hier, für heute, das, alles, damit, ganz, komplett, arbeiten,
        zu arbeiten, die arbeit""",
    reasons="weil, denn, da, und, bis, wir, ich, es ist",
    goes_on="""mach weiter, machen sie weiter, weiter, weitermachen, fahr fort, fortfahren,
        vergiss es, egal""",
    alarms="stoppe, stoppen, aufhören, aufhoeren, aufhörst, anhalten, abbrechen",
    negations="nicht, nie, niemals, kein, keine, ohne, niemand, nichts",
    questions="warum, wieso, weshalb, wann, was, wer, wo, welche, hat, ist, wurde",
    later="wenn, falls, sobald, morgen, nachher, später, erst, nach, nur",
)

FRENCH = Words(
    stops="""arrête, arrêtez, arrêter, arrêtes, arrêtons, arrête-toi, arrêtez-vous, t'arrêter,
        vous arrêter, d'arrêter, t'arrêtes, arrêtiez, stoppe, stoppez, stopper, halte, on
        arrête, de t'arrêter, de vous arrêter, de stopper, arrêt""",
    ends="""cesse, cessez, cesser, de cesser, termine, terminez, terminer, finis, finissez, mets
        fin à, mettez fin à, mettre fin à, annule, annulez, annuler, éteins, éteignez, éteindre,
        coupe, coupez, couper, interromps, interrompez, interrompre, suspends, suspendez,
        suspendre, désactive, désactivez, désactiver, fin""",
    watch="""/la/cette/de_la/ta/votre surveillance, /le/ce/du/ton/votre
        monitoring/suivi/moniteur/monitorage, /de surveiller/monitorer/suivre, d'observer,
        l'observation, observer, de/à la surveillance""",
    scope="les sessions, les agents, mes sessions, des sessions, des agents",
    leads="""tu peux, vous pouvez, on peut, tu dois, vous devez, il faut, veuillez, prière,
        prière de, je veux/voudrais que tu/vous, j'aimerais que tu/vous, nous voulons que
        tu/vous, il est temps, c'est l'heure, je te/vous demande, tu, vous, il faudrait, merci,
        merci de, vas-y""",
    wishes="je/on veux/voudrais/veut/dois, j'aimerais",
    asks="""peux-tu, pouvez-vous, pourrais-tu, pourriez-vous, veux-tu, voulez-vous, peut-on,
        est-ce que tu/vous peux/pouvez, est-ce qu'on peut""",
    pleases="s'il te/vous plaît, s'il-te-plaît, s'il-vous-plaît, svp, stp, je te/vous prie",
    fills="""merci, merci beaucoup, bonjour, salut, maintenant, immédiatement, tout de suite,
        bon, bien, oui, alors, donc, enfin, là, ça suffit, dès maintenant, sans attendre""",
    rest="ça, cela, ceci, tout, ici, pour aujourd'hui, de travailler, le travail, complètement",
    reasons="car, parce, puisque, et, on, nous, c'est, je, jusqu'à",
    goes_on="continue, continuez, reprends, reprenez, laisse tomber, oublie, vas-y continue",
    alarms="""arrête, arrêtez, arrêter, arrêtes, arrêtons, d'arrêter, stoppe, stoppez, stopper,
        t'arrêter""",
    negations="""ne, pas, jamais, sans, personne, n'arrête, n'arrêtez, n'arrêter, n'arrêtes,
        s'est, s'était, a été, aucun""",
    questions="pourquoi, quand, quel, quelle, qui, quoi, où",
    later="si, quand, lorsque, demain, après, dès, seulement, ensuite",
)

PORTUGUESE = Words(
    stops="""pare, para, pára, parem, parar, pares, pare com isso, parar com isso, basta,
        pare/parar tudo/isso/isto, para/pare/parar de trabalhar""",
    ends="""chega, interrompa, interrompe, interromper, encerre, encerra, encerrar, termine,
        termina, terminar, cancele, cancela, cancelar, desligue, desliga, desligar, suspenda,
        suspende, suspender, cesse, cessa, cessar, finalize, finaliza, finalizar, deixe, deixa,
        deixar, pause, pausar, desative, desativa, acabe, acaba com, acabe com""",
    watch="""/de monitorar/monitorizar/vigiar/observar/acompanhar, /o/este/do/com_o
        monitoramento/monitor, /a/esta/da/com_a monitorização/vigilância/observação""",
    scope="as sessões, os agentes, das sessões, dos agentes, minhas sessões",
    leads="""pode, podes, podem, já/ja pode/podes, você/vocês/tu pode/podes/podem,
        quero/preciso/peço/queremos que /você/vocês/tu, gostaria que você, favor, está/esta na
        hora de, é/e hora de, vamos, deve, você deve, tem que, hora de""",
    wishes="quero, preciso, gostaria de, queria",
    asks="poderia, você poderia, podemos, poderíamos, podia, será que pode/podes",
    pleases="por favor, por gentileza, pfv, pf, faz favor, se faz favor",
    fills="""obrigado, obrigada, muito obrigado, muito obrigada, olá, oi, agora, já, ja,
        imediatamente, agora mesmo, então, bom, bem, sim, logo, valeu""",
    rest="aqui, por aqui, por hoje, por agora, o trabalho, completamente, de vez, já",
    reasons="porque, pois, que já, e, até, estamos, já que",
    goes_on="continue, continua, siga, prossiga, retome, deixa pra lá, esquece",
    alarms="pare, parar, parem",
    negations="não, nao, nunca, jamais, sem, ninguém, nem",
    questions="por que, porque, por quê, quando, que, quem, qual, onde",
    later="se, quando, amanhã, depois, após, assim, só",
)

WESTERN = (ENGLISH, SPANISH, GERMAN, FRENCH, PORTUGUESE)
